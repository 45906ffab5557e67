// The two forms of multi-head latent attention; see attend_mla.cc.
#pragma once

#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/latent_maps.h"
#include "hearth/base/thread_pool.h"

namespace hearth::cpu {

inline int64_t qk_head_dim(const AttendMla& a) {
  return a.qk_nope_head_dim + a.qk_rope_head_dim;
}
inline int64_t latent_width(const AttendMla& a) {
  return a.kv_lora_rank + a.qk_rope_head_dim;
}
inline const LatentMaps& maps_of(const AttendMla& a) {
  return static_cast<const LatentMaps&>(*a.maps);
}

// All rows of a prompt's chunk, one head.
void attend_expanded(const KernelTable& kernels, const AttendMla& a, const SequenceRows& rows,
                     int64_t head, const KvCache& cache);

// The generated rows of a batch. Their history is cut into segments of 512 positions, each with a
// softmax of its own, which are then merged in order: many threads share one long history, and the
// cut depends on nothing but the position. Over a cache in q8_0 queries are rounded to eight bits,
// scores are integer products, and latents are widened once for the mix of all heads.
class AbsorbedAttention {
 public:
  void run(const KernelTable& kernels, ThreadPool& pool, const AttendMla& a, const Batch& batch,
           const KvCache& cache);

 private:
  struct Row {
    const SequenceRows* rows;
    int64_t position;
    int64_t row;      // of the batch
    int64_t segment;  // index of its first segment among all
  };

  void absorb(const KernelTable& kernels, const AttendMla& a, int64_t row, int64_t head,
              bool eight_bits);
  void attend(const KernelTable& kernels, const AttendMla& a, int64_t segment, int64_t group_begin,
              int64_t group_end, const KvCache& cache);
  void merge(const KernelTable& kernels, const AttendMla& a, int64_t row, int64_t head);
  float* query(const AttendMla& a, int64_t row, int64_t head_group);
  float* state(const AttendMla& a, int64_t segment, int64_t head_group);

  // Memory that keeps its size from step to step.
  std::vector<Row> rows_;
  std::vector<int64_t> row_of_segment_;
  Floats queries_;  // [rows][head groups], each latent width * 16 floats or fewer
  Floats states_;   // [segments][head groups] LaneSoftmax of 16 lanes
};

}  // namespace hearth::cpu
