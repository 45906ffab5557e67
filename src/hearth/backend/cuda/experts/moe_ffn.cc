// The routed experts of the CUDA backend. Which experts a token has is known on the device alone: a
// table of all experts' matrices lies there, and grids are as large as tokens * experts of each.
#include <algorithm>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/linear/rows.h"

namespace hearth {

using cuda::ExpertJob;
using cuda::ExpertViews;
using cuda::is_integer;
using cuda::view_of;

const ExpertViews* CudaBackend::expert_table(std::span<const Expert> experts) {
  ExpertTable& table = expert_tables_[experts.data()];
  // Another model may have come to lie where one was freed.
  const bool known = std::ranges::equal(table.views, experts, [](const auto& v, const auto& e) {
    return v.gate.codes == view_of(e.gate_proj.weight).codes &&
           v.up.codes == view_of(e.up_proj.weight).codes &&
           v.down.codes == view_of(e.down_proj.weight).codes;
  });
  if (!known) {
    table.views.clear();
    for (const Expert& e : experts) {
      table.views.push_back({view_of(e.gate_proj.weight), view_of(e.up_proj.weight),
                             view_of(e.down_proj.weight)});
    }
    table.device = constant(std::span<const ExpertViews>(table.views));
  }
  return table.device;
}

void CudaBackend::moe_ffn(const MoeFfn& args) {
  const Expert& first = args.experts.front();
  const cuda::MatrixView& gate = view_of(first.gate_proj.weight);
  const cuda::MatrixView& down = view_of(first.down_proj.weight);
  const int64_t tokens = args.x.rows();
  const int64_t pairs = tokens * args.num_experts_per_tok;
  ExpertJob job;
  job.experts = expert_table(args.experts);
  job.ids = args.ids;
  job.x = activations(args.x, *args.norm, is_integer(gate.storage));
  job.pairs = static_cast<int32_t>(pairs);
  job.per_row = static_cast<int32_t>(args.num_experts_per_tok);
  job.rows = gate.rows;
  job.storage = gate.storage;
  const Tensor hidden = scratch({pairs, gate.rows});
  job.out = hidden.f32_row(0);
  cuda::expert_matvec(*stream_, job);

  job.x = activations(hidden, Norm{}, is_integer(down.storage));
  job.per_row = 1;
  job.rows = down.rows;
  job.storage = down.storage;
  job.down = true;
  const Tensor y = scratch({pairs, down.rows});
  job.out = y.f32_row(0);
  cuda::expert_matvec(*stream_, job);
  cuda::mix_experts(*stream_, y.f32_row(0), args.weights, static_cast<int32_t>(tokens),
                    static_cast<int32_t>(args.num_experts_per_tok), down.rows, args.x.f32_row(0));
}

}  // namespace hearth
