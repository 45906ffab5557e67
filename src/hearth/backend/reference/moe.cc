// Routing and experts. The router is shared by all CPU backends: choosing experts must not depend
// on how fast somebody multiplies.
#include <algorithm>
#include <vector>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/backend/router.h"

namespace hearth {

using reference::apply;
using reference::rms_norm;
using reference::silu;

void ReferenceBackend::route_experts(const RouteExperts& args) {
  const Linear gate{*args.gate, {}};
  std::vector<float> normed(static_cast<size_t>(args.x.columns()));
  std::vector<float> logits(static_cast<size_t>(args.gate->out()));
  for (int64_t t = 0; t < args.x.rows(); ++t) {
    rms_norm(args.x.f32_row(t), args.x.columns(), *args.norm, normed.data());
    apply(gate, normed.data(), logits.data());
    choose_experts(args, logits, args.ids + t * args.num_experts_per_tok,
                   args.weights + t * args.num_experts_per_tok);
  }
}

void ReferenceBackend::moe_ffn(const MoeFfn& args) {
  const int64_t dim = args.x.columns();
  std::vector<float> normed(static_cast<size_t>(dim));
  std::vector<float> y(static_cast<size_t>(dim));
  std::vector<float> gate, up;
  std::vector<double> sum(static_cast<size_t>(dim));
  for (int64_t t = 0; t < args.x.rows(); ++t) {
    rms_norm(args.x.f32_row(t), dim, *args.norm, normed.data());
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int64_t k = 0; k < args.num_experts_per_tok; ++k) {
      const int64_t slot = t * args.num_experts_per_tok + k;
      const Expert& expert = args.experts[static_cast<size_t>(args.ids[slot])];
      gate.resize(static_cast<size_t>(expert.gate_proj.weight.out()));
      up.resize(gate.size());
      apply(expert.gate_proj, normed.data(), gate.data());
      apply(expert.up_proj, normed.data(), up.data());
      for (size_t i = 0; i < gate.size(); ++i) gate[i] = silu(gate[i]) * up[i];
      apply(expert.down_proj, gate.data(), y.data());
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += args.weights[slot] * static_cast<double>(y[i]);
    }
    float* to = args.x.f32_row(t);
    for (size_t i = 0; i < sum.size(); ++i) to[i] += static_cast<float>(sum[i]);
  }
}

}  // namespace hearth
