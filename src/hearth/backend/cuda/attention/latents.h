// Multi-head latent attention: the products with k_b and v_b, and attention over latents.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/step_rows.h"

namespace hearth::cuda {

struct LatentShape {
  int32_t heads = 0;
  int32_t nope = 0;
  int32_t rope = 0;
  int32_t value_dims = 0;
  int32_t rank = 0;  // at most 1024
};

// k_b or v_b on the device: [heads][dims][rank], both f32 or both bf16.
struct LatentMap {
  const std::byte* data = nullptr;
  bool bf16 = false;
};

// Generated rows: out [generated][heads][rank + rope] = (q_nope k_b, q_rope).
void absorb_queries(Stream& stream, const StepRows& rows, const LatentShape& shape,
                    const LatentMap& k_b, const float* q, float* out);

struct SplitLatents {
  const float* q = nullptr;  // absorbed
  float scale = 1;
  Partials partials;  // dims = rank
};
void split_latents(Stream& stream, const StepRows& rows, const CacheView& cache,
                   const LatentShape& shape, const SplitLatents& args);

// out [rows][heads * value_dims] = v_b mixed, of generated rows; mixed [generated][heads][rank].
void expand_mixed(Stream& stream, const StepRows& rows, const LatentShape& shape,
                  const LatentMap& v_b, const float* mixed, float* out);

// Keys and values of some heads of one sequence in f32, in prompt.h's blocks.
struct ExpandHistory {
  LatentMap k_b, v_b;
  int32_t first_head = 0;
  int32_t heads = 0;
  int32_t end = 0;                       // positions
  const int32_t* block_table = nullptr;  // of the sequence
  float* out = nullptr;
  int64_t block_floats = 0;  // heads * (nope + rope + value_dims) * 64
};
void expand_history(Stream& stream, const CacheView& cache, const LatentShape& shape,
                    const ExpandHistory& args);

}  // namespace hearth::cuda
