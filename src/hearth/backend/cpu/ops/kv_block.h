// Floats of the KV cache's formats, and how the blocks of 64 tokens are walked.
#pragma once

#include <algorithm>

#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/backend/kv_cache.h"

namespace hearth::cpu {

// `count` neighbouring numbers of the cache as f32.
inline void widen(const KernelTable& kernels, Format format, const std::byte* in, int64_t count,
                  float* out) {
  const auto* halves = reinterpret_cast<const uint16_t*>(in);
  if (format == Format::f16) return kernels.widen_f16(halves, out, count);
  if (format == Format::bf16) return kernels.widen_bf16(halves, out, count);
  std::copy_n(reinterpret_cast<const float*>(in), count, out);
}

// Positions of the block at `begin` that a query at `position` may see; <= 0: none.
inline int64_t visible(int64_t begin, int64_t position) {
  return std::min(kKvBlockTokens, position + 1 - begin);
}

// Memory of the calling thread that its next call takes again.
template <typename T>
T* resized(std::vector<T>& v, int64_t n) {
  if (static_cast<int64_t>(v.size()) < n) v.resize(static_cast<size_t>(n));
  return v.data();
}

}  // namespace hearth::cpu
