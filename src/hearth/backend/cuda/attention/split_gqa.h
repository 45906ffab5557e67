// Grouped-query attention of generated rows: the history is cut every 256 positions, each piece is
// a block's work, and `combine` puts the pieces together in order.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/step_rows.h"

namespace hearth::cuda {

inline constexpr int kGqaSplitPositions = kSplitPositions / 2;

struct SplitGqa {
  const float* q = nullptr;  // [rows][heads * head_dim], rotated
  float scale = 1;
  Partials partials;  // dims = head_dim, even, at most 256; positions = kGqaSplitPositions
};
void split_gqa(Stream& stream, const StepRows& rows, const CacheView& cache, const SplitGqa& args);

// The same where keys and values are read 16 bytes at a time: f16 and bf16, head_dim 64 or 128.
// False: it's another case.
bool split_gqa_wide(Stream& stream, const StepRows& rows, const CacheView& cache,
                    const SplitGqa& args);

// All of attention in one kernel, with the bits of store_gqa, split_gqa and combine: a step of
// generated rows, one for each sequence, with histories of at most kWholePositions, in the formats
// of split_gqa_wide. Queries and keys stay unrotated where they are.  False: it's another case.
inline constexpr int32_t kWholePositions = 4096;
struct WholeGqa {
  SplitGqa split;            // q not rotated
  const float* k = nullptr;  // [rows][kv_heads * head_dim], not rotated
  const float* v = nullptr;  // [rows][kv_heads * head_dim]
  RopeView rope;
  float* out = nullptr;  // [rows][heads * head_dim]
};
bool attend_gqa_whole(Stream& stream, const StepRows& rows, const CacheView& cache,
                      const WholeGqa& args);

// out [.., heads * dims] = mixed / sum for every generated row: row i of `out`, or, with
// `to_batch_rows`, its row in the batch.
void combine(Stream& stream, const StepRows& rows, const Partials& partials, float* out,
             bool to_batch_rows);

}  // namespace hearth::cuda
