// Multi-head latent attention on the CPU (DeepSeek-V2, section 2.1).
//   prompt rows     expanded: keys and values of a head are made from the latents, block by block,
//                   and serve all queries of the chunk (expanded_attention.cc)
//   generated rows  absorbed: the query is carried into the space of the latents and attends there,
//                   one latent serves all heads (absorbed_attention.cc)
// The two agree to rounding; which one runs is decided by the role of the row alone. Either way
// queries lie across lanes: those of a head, or the heads of a row.
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/mla.h"
#include "hearth/backend/reference/scalar.h"

namespace hearth {
namespace {

void store_row(const AttendMla& a, const SequenceRows& rows, int64_t i, const KvCache& cache) {
  const int64_t t = rows.first_row + i;
  thread_local cpu::Floats cos_, sin_;
  float* cos = cpu::resized(cos_, a.rope->dims / 2);
  float* sin = cpu::resized(sin_, a.rope->dims / 2);
  a.rope->angles(rows.start + i, cos, sin);
  for (int64_t h = 0; h < a.heads; ++h) {
    a.rope->rotate(a.q.f32_row(t) + h * cpu::qk_head_dim(a) + a.qk_nope_head_dim, cos, sin);
  }
  float* kv = a.kv.f32_row(t);
  reference::rms_norm(kv, a.kv_lora_rank, *a.kv_a_norm, kv);
  a.rope->rotate(kv + a.kv_lora_rank, cos, sin);
  cache.store(a.layer, rows, rows.start + i, kv);
}

}  // namespace

void CpuBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  CHECK(args.maps != nullptr);
  for (const SequenceRows& rows : batch.sequences) {
    pool_.parallel_for(rows.rows, [&](int64_t i) { store_row(args, rows, i, cache); });
  }
  absorbed_.run(kernels_, pool_, args, batch, cache);
  for (const SequenceRows& rows : batch.sequences) {
    if (rows.role != Role::prompt) continue;
    pool_.parallel_for(
        args.heads, [&](int64_t head) { cpu::attend_expanded(kernels_, args, rows, head, cache); });
  }
}

}  // namespace hearth
