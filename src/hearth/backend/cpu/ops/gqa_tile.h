// A tile of queries of grouped-query attention before one key/value head: its scores, softmax and
// mix of values, a block of 64 positions at a time.
//
// A cache of floats is read as it lies, or widened once for many queries. In q8_0 queries are
// rounded to eight bits and scores are integer products, keys being packed as weights are; values
// are widened in registers, and their scales go into the weights of the mix. That reads half the
// bytes, and multiplies four of them in one instruction instead of converting each.
#pragma once

#include <algorithm>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"

namespace hearth::cpu {

struct GqaTask {
  const SequenceRows* rows;
  int64_t kv_head;
  int64_t first, count;  // queries of the sequence's rows
  int64_t begin, end;    // positions
  int64_t part;          // index of its first row among the partial results; -1: sees everything

  int64_t last_position() const { return rows->start + first + count - 1; }
};

// Rows of a task: query-major, then the heads of the group. Results [rows][width] and [rows].
struct GqaResults {
  float* mix;
  SoftmaxState* states;
};

inline int64_t group_of(const AttendGqa& a) {
  return a.heads / a.kv_heads;
}
inline int64_t mix_width(const AttendGqa& a) {
  return round_up(a.head_dim, 16);
}

class GqaTile {
 public:
  GqaTile(const KernelTable& kernels, const AttendGqa& a, const GqaTask& task, const KvCache& cache,
          const GqaResults& results);

  // All blocks of the task's positions.
  void attend();

 private:
  void add(int64_t begin);
  void score(const std::byte* block, int64_t row);
  void score_eight_bits(const std::byte* keys);
  void mix(const std::byte* block, int64_t row, int64_t seen);
  void mix_eight_bits(const std::byte* values, int64_t row, int64_t seen);
  int64_t rows() const { return task_.count * group_of(a_); }
  bool widens() const;

  const KernelTable& kernels_;
  const AttendGqa& a_;
  const GqaTask& task_;
  const KvCache& cache_;
  GqaResults results_;
  float* queries_;             // [rows, head_dim]
  QuantizedRows quantized_{};  // of the queries, where the cache is in q8_0
  float* scores_;              // [rows, 64]
};

}  // namespace hearth::cpu
