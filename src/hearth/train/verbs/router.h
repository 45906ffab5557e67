// The router's gradient. Which experts are chosen is a constant of the step (the backend's
// `choose_experts` decides, as it does when the model runs); gradients flow through how they are
// mixed, and through the sequence-wise balance loss (DeepSeek-V3, section 2.1.2).
#pragma once

#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/train/verbs/attention.h"

namespace hearth::train {

template <typename T>
struct Routing {
  int64_t chosen = 0;        // experts of a token
  std::vector<int32_t> ids;  // [rows, chosen]
  std::vector<T> weights;    // [rows, chosen]
  Matrix<T> scores;          // [rows, experts]: sigmoid or softmax of the logits
};

// `rule` as the model runs it, with its correction bias; its x, ids and weights are not read.
// `scores` holds the logits [rows, experts] and becomes the scores.
template <typename T>
Routing<T> route(Compute& c, const RouteExperts& rule, Matrix<T> scores);

// scores -> gradient of the logits, in place, from the gradients of the mixing weights.
template <typename T>
void route_backward(Compute& c, const RouteExperts& rule, const Routing<T>& routing,
                    const std::vector<T>& weight_gradients, Matrix<T> score_gradients);

// Sum over documents of rows * alpha * sum over experts of f P, with f = experts / (chosen * rows)
// * times chosen and P the mean share of an expert in a token's scores. Adds `weight` times its
// gradient to score_gradients [rows, experts].
template <typename T>
double balance_loss(const Routing<T>& routing, std::span<const Document> documents, double alpha,
                    double weight, Matrix<T> score_gradients);

}  // namespace hearth::train
