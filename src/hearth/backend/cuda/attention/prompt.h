// Attention of prompt rows over keys and values in blocks: GQA's cache, or what MLA expanded.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/step_rows.h"

namespace hearth::cuda {

// A block holds the keys of all heads, each [key_dims][slot], then the values, each
// [slot][value_dims].
struct KeyBlocks {
  const std::byte* data = nullptr;
  int64_t block_bytes = 0;
  CacheFormat format = CacheFormat::f32;
  int32_t heads = 0;
  int32_t key_dims = 0;
  int32_t value_dims = 0;                // of any number; key_dims: at most 512, even
  const int32_t* block_table = nullptr;  // [sequences][table_width]; null: block i is at place i
  int32_t table_width = 0;
};

struct AttendPrompt {
  const float* q = nullptr;  // head h of row t: q + t * q_stride + h * key_dims
  float* out = nullptr;      // and out + t * out_stride + h * value_dims
  int64_t q_stride = 0;
  int64_t out_stride = 0;
  int32_t heads = 0;  // a multiple of the blocks' heads
  float scale = 1;
  const SequencePlace* sequences = nullptr;  // on the device; generated ones are left out
  int32_t sequence_count = 0;
  int32_t rows_max = 0;  // most rows of one of them
};
void attend_prompt(Stream& stream, const KeyBlocks& blocks, const AttendPrompt& args);

}  // namespace hearth::cuda
