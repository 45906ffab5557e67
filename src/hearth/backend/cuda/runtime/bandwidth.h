// How fast the device reads its memory: the limit that decoding is held against.
#pragma once

#include <cstdint>

#include "hearth/backend/cuda/runtime/stream.h"

namespace hearth::cuda {

// Enqueues one pass of reading `bytes` (a multiple of 16) at `from`; `sink` [1] keeps the loads
// alive.
void read_all(Stream& stream, const std::byte* from, int64_t bytes, uint32_t* sink);

// The best of a few passes over a buffer far larger than the caches, in 10^9 bytes a second.
Result<double> measure_read_gb_s(Stream& stream);

}  // namespace hearth::cuda
