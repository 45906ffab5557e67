// Floats of the KV cache's formats, and how the blocks of 64 tokens are walked.
#pragma once

#include <algorithm>
#include <new>
#include <vector>

#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/backend/kv_cache.h"

namespace hearth::cpu {

// `count` neighbouring floats of the cache as f32.
inline void widen(const KernelTable& kernels, Format format, const std::byte* in, int64_t count,
                  float* out) {
  const auto* halves = reinterpret_cast<const uint16_t*>(in);
  if (format == Format::f16) return kernels.widen_f16(halves, out, count);
  if (format == Format::bf16) return kernels.widen_bf16(halves, out, count);
  DCHECK(format == Format::f32);
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

// The first `count` latents of a block in q8_0; scales in memory of the calling thread.
inline LatentBlock latent_block(const KernelTable& kernels, const KvSpec& spec,
                                const std::byte* block, int64_t count) {
  thread_local Floats scales_;
  const int64_t blocks = spec.values / kQuantizedBlock;
  float* scales = resized(scales_, blocks * kKvBlockTokens);
  const std::byte* halves = block + kKvBlockTokens * spec.values;
  kernels.widen_f16(reinterpret_cast<const uint16_t*>(halves), scales, blocks * kKvBlockTokens);
  return {reinterpret_cast<const int8_t*>(block), scales, blocks, count};
}

// The first `count` latents of a block as f32 [count][values].
inline void widen_latents(const KernelTable& kernels, const KvSpec& spec, const std::byte* block,
                          int64_t count, float* out) {
  if (spec.in_blocks())
    return kernels.widen_latents(latent_block(kernels, spec, block, count), out);
  widen(kernels, spec.format, block, count * spec.values, out);
}

}  // namespace hearth::cpu
