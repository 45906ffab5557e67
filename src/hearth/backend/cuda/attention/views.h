// The backend's arguments as attention's kernels take them.
#pragma once

#include "hearth/backend/cuda/attention/cache_view.h"
#include "hearth/backend/kv_cache.h"
#include "hearth/backend/rope.h"

namespace hearth::cuda {

inline CacheFormat cache_format(Format format) {
  if (format == Format::f32) return CacheFormat::f32;
  if (format == Format::bf16) return CacheFormat::bf16;
  return format == Format::q8_0 ? CacheFormat::q8_0 : CacheFormat::f16;
}

inline CacheView view_of(const KvCache& cache, int64_t layer) {
  const KvSpec& spec = cache.spec();
  CacheView view;
  view.block_bytes = spec.row_bytes() * kKvBlockTokens;
  view.data = cache.memory() + layer * cache.blocks() * view.block_bytes;
  view.format = cache_format(spec.format);
  view.values = static_cast<int32_t>(spec.values);
  view.kv_heads = static_cast<int32_t>(spec.kv_heads);
  view.head_dim = static_cast<int32_t>(spec.head_dim());
  return view;
}

// `inv_freq` is the rope's table on the device.
inline RopeView view_of(const Rope& rope, const double* inv_freq) {
  return {inv_freq, rope.magnitude, static_cast<int32_t>(rope.dims),
          rope.pairs == RopePairs::interleaved};
}

}  // namespace hearth::cuda
