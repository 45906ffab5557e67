// Reading and writing rows of the KV cache as f32.
#pragma once

#include <algorithm>

#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/kv_cache.h"
#include "hearth/formats/codec.h"

namespace hearth::cpu {

// Values [first, first + count) of the cache rows of `positions` positions from `begin` on (all in
// one block) into out [positions, count].
inline void read_block(const KernelTable& kernels, const KvCache& cache, int64_t layer,
                       const SequenceRows& rows, int64_t begin, int64_t positions, int64_t first,
                       int64_t count, float* out) {
  const KvSpec& spec = cache.spec();
  const Tensor block =
      Tensor::packed(spec.format, {positions, spec.values}, cache.row(layer, rows, begin));
  for (int64_t p = 0; p < positions; ++p)
    decode_span(kernels, block, p, first, count, out + p * count);
}

inline void write_row(const KvCache& cache, int64_t layer, const SequenceRows& rows,
                      int64_t position, const float* values) {
  const KvSpec& spec = cache.spec();
  encode_row(values,
             Tensor::packed(spec.format, {1, spec.values}, cache.row(layer, rows, position)), 0);
}

// Positions of the block at `begin` that a query at `position` may see.
inline int64_t visible(int64_t begin, int64_t position) {
  return std::min(kKvBlockTokens, position + 1 - begin);
}

}  // namespace hearth::cpu
