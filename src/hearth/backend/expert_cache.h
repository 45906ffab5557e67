// Routed experts that are read from disk when they are chosen, for a model that is larger than the
// memory: what such a cache may take, and what it did.
//
// The unit is an expert: its gate, up and down matrices together, held as they are computed with.
#pragma once

#include <cstdint>

#include "hearth/tensor/tensor.h"

namespace hearth {

struct ExpertCacheOptions {
  int64_t bytes = 0;        // most that cached experts take together; 0: experts are not on disk
  int readers = 8;          // threads that read
  bool reads_ahead = true;  // experts of the next layer, by its router; off: to measure
  bool past_cache = true;   // reads go past the page cache; off: for tests
};

// Sums since the start. A step asks once for each expert of a layer that any of its tokens chose.
struct ExpertCacheStats {
  int64_t hits = 0;          // it was there
  int64_t misses = 0;        // it had to be read, or was being read
  int64_t ahead_reads = 0;   // experts whose reading ahead began
  int64_t ahead_used = 0;    // of these, chosen indeed before they were let go
  int64_t bytes_read = 0;    // from the files
  double wait_seconds = 0;   // of computing, for experts to come
  int64_t budget_bytes = 0;  // ExpertCacheOptions::bytes
  int64_t held_bytes = 0;    // of it, now
  int64_t experts = 0;       // on disk
  int64_t expert_bytes = 0;  // of all of them together, as they would be held

  bool active() const { return budget_bytes > 0; }
  int64_t to_come_bytes() const { return budget_bytes - held_bytes; }  // that it may still take
  double hit_rate() const {
    return hits + misses > 0 ? static_cast<double>(hits) / static_cast<double>(hits + misses) : 0;
  }
};

// Memory of one cached expert of `bytes`: whole pages, huge ones where it is large.
constexpr int64_t cached_expert_bytes(int64_t bytes) {
  constexpr int64_t kHuge = 2 << 20, kSmall = 4096;
  const int64_t unit = bytes >= 4 * kHuge ? kHuge : kSmall;
  return (bytes + unit - 1) / unit * unit;
}

// Memory that one matrix takes in a cached expert of the CPU's, and that a reading thread takes for
// it.
int64_t held_matrix_bytes(const Tensor& stored);
int64_t read_room_bytes(const Tensor& stored);

}  // namespace hearth
