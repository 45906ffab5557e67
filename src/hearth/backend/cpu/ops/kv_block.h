// Floats of the KV cache's formats, and how the blocks of 64 tokens are walked.
#pragma once

#include <algorithm>
#include <new>
#include <vector>

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

// Rows of floats that start on a cache line: one that lies across two costs twice as much.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}  // NOLINT: implicit, as allocators are
  T* allocate(size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};
using Floats = std::vector<float, CacheLineAllocator<float>>;

// Memory of the calling thread that its next call takes again.
template <typename T, typename A>
T* resized(std::vector<T, A>& v, int64_t n) {
  if (static_cast<int64_t>(v.size()) < n) v.resize(static_cast<size_t>(n));
  return v.data();
}

}  // namespace hearth::cpu
