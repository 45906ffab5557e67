// Feed-forward blocks that architectures share: SwiGLU and the mixture of experts.
#pragma once

#include <vector>

#include "hearth/backend/backend.h"

namespace hearth {

struct SwigluWeights {
  Linear gate_proj, up_proj;  // [intermediate, hidden]
  Linear down_proj;           // [hidden, intermediate]
};

// x += down(silu(gate(n)) * up(n)), n = norm(x).  x [tokens, hidden]
void swiglu(Backend& b, Tensor x, const Norm& norm, const SwigluWeights& w);

struct MoeWeights {
  Weight gate;                     // [n_routed_experts, hidden]
  Weight e_score_correction_bias;  // [n_routed_experts], V3 only
  std::vector<Expert> experts;
  SwigluWeights shared;  // width n_shared_experts * moe_intermediate_size; absent if there are none
};

// x += routed experts + shared experts; `route` carries the model's routing constants and gets its
// tensors here.  x [tokens, hidden]
void moe(Backend& b, Tensor x, const Norm& norm, const MoeWeights& w, RouteExperts route);

}  // namespace hearth
