// Measured memory bandwidth: what bounds the tokens a second of a model that lies in memory.
#pragma once

#include <cstdint>

#include "hearth/base/status.h"

namespace hearth {

struct Bandwidth {
  double read_gb_s = 0;  // 1e9 bytes a second, best of the passes
  int threads = 0;
  int64_t buffer_bytes = 0;
  int passes = 0;
};

// How large a buffer to read so that caches of `cache_bytes` together don't answer: four times
// them, within [64 MiB, 256 MiB a thread] and an eighth of the available memory.
int64_t bandwidth_buffer_bytes(int64_t cache_bytes, int threads, int64_t available_bytes);

// Sums a buffer with `threads` threads, again and again for `seconds` (the first, uncounted pass
// fills it): one sequential stream a thread, prefetched, in huge pages where the kernel has them,
// which is the fastest way to read that we know. no_memory when the buffer can't be had.
Result<Bandwidth> measure_read_bandwidth(int threads, int64_t buffer_bytes, double seconds = 0.5);

}  // namespace hearth
