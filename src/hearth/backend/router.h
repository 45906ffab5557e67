// choose_experts: from router logits to chosen experts and their weights, for one token. Every
// backend on the host calls this one function; a GPU backend is tested against it.
#pragma once

#include <span>

#include "hearth/backend/backend.h"

namespace hearth {

// logits [experts] of one token -> ids and weights [num_experts_per_tok], best choice first; equal
// scores go to the lower id. Steps (DeepSeek-V3, section 2.1.2, and its published Gate):
//   scores  = sigmoid or softmax of the logits
//   choice  = scores + e_score_correction_bias          used to choose, and for nothing else
//   groups  = topk_group best of n_group                by their best, or two best, choices
//   weights = scores of the top experts inside them     never the biased ones
//             / their sum if norm_topk_prob, * routed_scaling_factor
// V2 scales only when it does not normalise: pass the factor accordingly.
void choose_experts(const RouteExperts& args, std::span<const float> logits, int32_t* ids,
                    float* weights);

}  // namespace hearth
