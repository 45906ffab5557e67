// What attention's kernels see of the KV cache and of each other: plain structs of device pointers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::cuda {

inline constexpr int kSlots = 64;            // tokens of a cache block: kKvBlockTokens
inline constexpr int kSplitPositions = 512;  // the longest pieces of a history

enum class CacheFormat : int32_t { f32, f16, bf16, q8_0 };

// One layer of the cache; kv_cache.h says what a block holds.
struct CacheView {
  std::byte* data = nullptr;
  int64_t block_bytes = 0;
  CacheFormat format = CacheFormat::f16;
  int32_t values = 0;    // of a token
  int32_t kv_heads = 0;  // 0: MLA
  int32_t head_dim = 0;
};

struct RopeView {
  const double* inv_freq = nullptr;  // [dims / 2], on the device
  double magnitude = 1;
  int32_t dims = 0;
  bool interleaved = false;
};

// Softmax over the splits of generated rows, not yet put together.
struct Partials {
  float* mixed = nullptr;  // [generated][heads][splits][dims], not divided by the sum
  float* top = nullptr;    // [generated][heads][splits][2]: largest score, sum of exponentials
  int32_t heads = 0;
  int32_t splits = 0;
  int32_t dims = 0;
  int32_t positions = kSplitPositions;  // of a split: 512, or a part of it

  int64_t mixed_floats(int64_t rows) const { return rows * heads * splits * dims; }
  int64_t floats(int64_t rows) const { return mixed_floats(rows) + rows * heads * splits * 2; }
};

}  // namespace hearth::cuda
