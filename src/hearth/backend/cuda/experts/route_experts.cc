// Routing on the device: which experts were chosen never comes to the host.
#include <numeric>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/experts/router.h"
#include "hearth/backend/cuda/linear/rows.h"

namespace hearth {
namespace {

// A router that is kept as integers, as floats in `memory`. Its activations are never rounded.
cuda::MatrixView as_floats(const cuda::MatrixView& w, float* memory) {
  cuda::MatrixView view;
  view.codes = reinterpret_cast<const uint8_t*>(memory);
  view.rows = w.rows;
  view.columns = w.columns;
  view.chunks = w.columns / 4;  // whole: blocks of integers have 32 columns or more
  view.storage = cuda::Storage::f32;
  return view;
}

}  // namespace

void CudaBackend::route_experts(const RouteExperts& args) {
  const int64_t rows = args.x.rows();
  cuda::MatrixView w = cuda::view_of(*args.gate);
  CHECK(w.rows <= cuda::kExpertsMax);
  cuda::MatvecJob gate;
  if (cuda::is_integer(w.storage)) {  // decoded in each step: routers are floats in practice
    std::vector<int32_t> all(static_cast<size_t>(w.rows));
    std::iota(all.begin(), all.end(), 0);
    float* memory = scratch({w.rows, w.columns}).f32_row(0);
    cuda::embed(*stream_, w, handed_over(all.data(), w.rows), w.rows, memory);
    w = as_floats(w, memory);
    gate.fresh = true;
  }
  const Tensor logits = scratch({rows, w.rows});
  gate.rows = static_cast<int32_t>(rows);
  gate.parts[gate.count++] = {w, nullptr, logits.f32_row(0)};
  set_input(gate, args.x, *args.norm, false);
  cuda::matvec(*stream_, gate);

  cuda::ChooseJob job;
  job.logits = logits.f32_row(0);
  const bool biased = args.correction_bias != nullptr && args.correction_bias->present();
  job.bias = biased ? args.correction_bias->vector() : nullptr;
  job.ids = args.ids;
  job.weights = args.weights;
  job.rows = static_cast<int32_t>(rows);
  job.experts = w.rows;
  job.chosen = static_cast<int32_t>(args.num_experts_per_tok);
  job.groups = static_cast<int32_t>(args.n_group);
  job.groups_kept = static_cast<int32_t>(args.topk_group);
  job.sigmoid = args.scoring == ExpertScoring::sigmoid;
  job.best_two = args.group_score == GroupScore::best_two;
  job.normalize = args.norm_topk_prob;
  job.factor = args.routed_scaling_factor;
  cuda::choose_experts(*stream_, job);
}

}  // namespace hearth
