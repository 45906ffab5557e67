// See ffn.h. The norm is worked out by each verb that needs it: cheaper than one more tensor.
#include "hearth/models/blocks/ffn.h"

namespace hearth {

void swiglu(Backend& b, Tensor x, const Norm& norm, const SwigluWeights& w) {
  const Tensor hidden = b.scratch({x.rows(), w.gate_proj.weight.out()});
  b.norm_linear_swiglu(x, norm, w.gate_proj, w.up_proj, hidden);
  b.linear_add(hidden, w.down_proj, x);
}

void moe(Backend& b, Tensor x, const Norm& norm, const MoeWeights& w, RouteExperts route) {
  const int64_t chosen = x.rows() * route.num_experts_per_tok;
  route.x = x;
  route.norm = &norm;
  route.gate = &w.gate;
  route.correction_bias = &w.e_score_correction_bias;
  route.ids = reinterpret_cast<int32_t*>(b.scratch_bytes(chosen * 4));
  route.weights = reinterpret_cast<float*>(b.scratch_bytes(chosen * 4));
  b.route_experts(route);

  // The shared experts must read x before the routed sum is added to it.
  Tensor shared_hidden;
  const bool has_shared = w.shared.gate_proj.weight.present();
  if (has_shared) {
    shared_hidden = b.scratch({x.rows(), w.shared.gate_proj.weight.out()});
    b.norm_linear_swiglu(x, norm, w.shared.gate_proj, w.shared.up_proj, shared_hidden);
  }
  MoeFfn ffn;
  ffn.x = x;
  ffn.norm = &norm;
  ffn.experts = w.experts;
  ffn.num_experts_per_tok = route.num_experts_per_tok;
  ffn.ids = route.ids;
  ffn.weights = route.weights;
  b.moe_ffn(ffn);
  if (has_shared) b.linear_add(shared_hidden, w.shared.down_proj, x);
}

}  // namespace hearth
