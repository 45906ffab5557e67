// The matrices of MLA's expansion as the CPU multiplies by them: packed when a model is loaded, in
// both directions. With c the latent of a position and q a head's query without rotation:
//   keys     [qk_nope_head_dim, kv_lora_rank]   k = keys c          (prompt rows)
//   values   [v_head_dim, kv_lora_rank]         v = values c, and the output of generated rows
//   queries  [kv_lora_rank, qk_nope_head_dim]   keys^T q            (generated rows)
#pragma once

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/ops/matmul.h"

namespace hearth::cpu {

// One such matrix for every head: rows [head * stride + offset, + out) of a packed weight.
struct HeadMap {
  Weight weight;
  int64_t out = 0;
  int64_t stride = 0, offset = 0;  // multiples of 32

  // Columns of out [chunk][count][16] = map(head) * x's first `count` rows.
  void multiply(const KernelTable& kernels, int64_t head, const Activations& x, int64_t count,
                float* to) const {
    for (int64_t r = 0; r < out; r += kPairRows) {
      multiply_tile(kernels, weight, x, 0, count, head * stride + offset + r,
                    to + r / kGroupRows * count * kGroupRows);
    }
  }
};

struct LatentMaps : BackendForm {
  HeadMap keys, values, queries;
};

}  // namespace hearth::cpu
