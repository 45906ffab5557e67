// Conformance cases of the mixture of experts: the router and the routed feed-forward.
#include <algorithm>
#include <cmath>
#include <random>

#include "hearth/backend/conformance.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/backend/testing.h"

namespace hearth::conformance {
namespace {

using testing_backend::kUnit;
using testing_backend::linear_bound;
using testing_backend::make_norm;
using testing_backend::make_vector;
using testing_backend::make_weight;
using testing_backend::Matrix;

std::vector<float> normed_row(const Matrix& x, const Norm& norm, int64_t t) {
  std::vector<float> n(static_cast<size_t>(x.tensor.columns()));
  reference::rms_norm(x.tensor.f32_row(t), x.tensor.columns(), norm, n.data());
  return n;
}

struct RouterShape {
  int64_t tokens, experts, chosen, n_group, topk_group;
  ExpertScoring scoring;
  bool bias;
};
constexpr RouterShape kRouters[] = {
    {1, 3, 1, 1, 1, ExpertScoring::sigmoid, true},
    {7, 32, 6, 8, 4, ExpertScoring::sigmoid, true},
    {7, 35, 3, 5, 2, ExpertScoring::softmax, false},
    {40, 64, 8, 1, 1, ExpertScoring::softmax, false},
};

// Weights are scores / their sum: each score may be wrong by `error`, so a weight by
// (error + weight * sum of errors) / sum, twice that to cover the product of the two.
std::vector<double> router_bound(const RouteExperts& r, const Linear& gate,
                                 const std::vector<float>& n, const int32_t* ids,
                                 const float* weights) {
  const auto logit_bound = linear_bound(gate, n);
  std::vector<float> logits(logit_bound.size());
  reference::apply(gate, n.data(), logits.data());
  std::vector<double> scores(logits.begin(), logits.end());
  std::vector<double> errors(logits.size());
  if (r.scoring == ExpertScoring::softmax) {
    reference::softmax(scores);
    const double worst = *std::max_element(logit_bound.begin(), logit_bound.end());
    for (size_t e = 0; e < scores.size(); ++e) errors[e] = scores[e] * 2 * worst;
  } else {
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
    for (size_t e = 0; e < scores.size(); ++e) errors[e] = logit_bound[e] / 4;  // |sigmoid'| <= 1/4
  }
  double sum = 0, error = 0;
  for (int64_t k = 0; k < r.num_experts_per_tok; ++k) {
    sum += scores[static_cast<size_t>(ids[k])];
    error += errors[static_cast<size_t>(ids[k])];
  }
  std::vector<double> bound;
  for (int64_t k = 0; k < r.num_experts_per_tok; ++k) {
    const double share = weights[k] / r.routed_scaling_factor;
    const double from_scores =
        2 * (errors[static_cast<size_t>(ids[k])] + share * error) / sum * r.routed_scaling_factor;
    bound.push_back(from_scores + 2 * kUnit * std::abs(weights[k]));
  }
  return bound;
}

// A unit is a token: the ids as numbers (to be the same), then the weights.
Units route_experts(const Run& run) {
  const RouterShape& shape = kRouters[run.shape];
  const int64_t dim = width_of(run.format, 1);
  const Matrix whole(shape.tokens, dim, 1);
  const Matrix x(whole, run.only ? static_cast<int64_t>(*run.only) : 0,
                 run.only ? 1 : shape.tokens);
  const Norm norm = make_norm(dim, 2);
  const Linear gate{make_weight(run.format, {shape.experts, dim}, 3), {}};
  const Weight bias = shape.bias ? make_vector(shape.experts, 4, 0) : Weight{};
  const int64_t tokens = x.tensor.rows();
  std::vector<int32_t> ids(static_cast<size_t>(tokens * shape.chosen));
  std::vector<float> weights(ids.size());
  RouteExperts r;
  r.x = x.tensor;
  r.norm = &norm;
  r.gate = &gate.weight;
  r.correction_bias = &bias;
  r.scoring = shape.scoring;
  r.group_score = shape.bias ? GroupScore::best_two : GroupScore::best;
  r.n_group = shape.n_group;
  r.topk_group = shape.topk_group;
  r.routed_scaling_factor = 2.5;
  r.num_experts_per_tok = shape.chosen;
  r.ids = ids.data();
  r.weights = weights.data();
  run.backend.route_experts(r);
  Units units;
  for (int64_t t = 0; t < tokens; ++t) {
    const int32_t* chosen = ids.data() + t * shape.chosen;
    const float* mixed = weights.data() + t * shape.chosen;
    units.found.emplace_back(chosen, chosen + shape.chosen);
    units.found.back().insert(units.found.back().end(), mixed, mixed + shape.chosen);
    if (!run.bounds) continue;
    units.bound.emplace_back(static_cast<size_t>(shape.chosen), 0.0);
    const auto bound = router_bound(r, gate, normed_row(x, norm, t), chosen, mixed);
    units.bound.back().insert(units.bound.back().end(), bound.begin(), bound.end());
  }
  return units;
}

struct MoeShape {
  int64_t tokens;
  int dim, inter;  // indices of width_of
  int64_t experts, chosen;
};
constexpr MoeShape kMoe[] = {
    {1, 0, 0, 1, 1},
    {5, 1, 0, 3, 3},
    {9, 0, 1, 6, 2},
    {33, 1, 1, 2, 1},
};

// One token of moe_ffn in the reference's arithmetic, with the error that floats may add.
std::vector<double> moe_bound(const std::vector<Expert>& experts, const std::vector<float>& n,
                              std::span<const int32_t> ids, std::span<const float> weights,
                              std::span<const float> out) {
  std::vector<double> bound(out.size());
  for (size_t k = 0; k < ids.size(); ++k) {
    const Expert& e = experts[static_cast<size_t>(ids[k])];
    const auto inter = static_cast<size_t>(e.gate_proj.weight.out());
    std::vector<float> gate(inter), up(inter), hidden(inter), y(out.size());
    reference::apply(e.gate_proj, n.data(), gate.data());
    reference::apply(e.up_proj, n.data(), up.data());
    const auto dg = linear_bound(e.gate_proj, n);
    const auto du = linear_bound(e.up_proj, n);
    std::vector<float> hidden_error(inter);
    for (size_t i = 0; i < inter; ++i) {
      const double silu = reference::silu(gate[i]);
      hidden[i] = static_cast<float>(silu * up[i]);
      hidden_error[i] = static_cast<float>(1.1 * dg[i] * (std::abs(up[i]) + du[i]) +
                                           std::abs(silu) * (du[i] + 4 * kUnit * std::abs(up[i])));
    }
    if (e.down_proj.weight.form) {
      hidden_error = testing_backend::eight_bit_errors(hidden, std::move(hidden_error));
    }
    reference::apply(e.down_proj, hidden.data(), y.data());
    const auto rounding = linear_bound(e.down_proj, hidden);
    const auto carried = testing_backend::magnitudes(e.down_proj.weight.tensor, hidden_error);
    for (size_t o = 0; o < bound.size(); ++o) {
      bound[o] += std::abs(weights[k]) * (rounding[o] + carried[o] + 2 * kUnit * std::abs(y[o]));
      // Each addition to the token's sum rounds once more.
      bound[o] += kUnit * (std::abs(out[o]) + std::abs(weights[k] * y[o]));
    }
  }
  for (size_t o = 0; o < bound.size(); ++o) bound[o] = 2 * bound[o] + 2 * kUnit * std::abs(out[o]);
  return bound;
}

Units moe_ffn(const Run& run) {
  const MoeShape& shape = kMoe[run.shape];
  const int64_t dim = width_of(run.format, shape.dim);
  const int64_t inter = width_of(run.format, shape.inter);
  const Matrix whole(shape.tokens, dim, 1);
  const int64_t first = run.only ? static_cast<int64_t>(*run.only) : 0;
  Matrix x(whole, first, run.only ? 1 : shape.tokens);
  const Matrix before(x, 0, x.tensor.rows());
  const Norm norm = make_norm(dim, 2);
  std::vector<Expert> experts;
  for (uint32_t e = 0; e < static_cast<uint32_t>(shape.experts); ++e) {
    const auto matrix = [&](const Shape& size, uint32_t seed) {
      return Linear{testing_backend::prepared(run.backend, make_weight(run.format, size, seed)),
                    {}};
    };
    experts.push_back({matrix({inter, dim}, 10 + 3 * e), matrix({inter, dim}, 11 + 3 * e),
                       matrix({dim, inter}, 12 + 3 * e)});
  }
  // Distinct experts for each token; some experts meet many tokens, some none.
  std::mt19937 random(7);
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < shape.tokens; ++t) {
    std::vector<int32_t> order(static_cast<size_t>(shape.experts));
    for (size_t e = 0; e < order.size(); ++e) order[e] = static_cast<int32_t>(e);
    std::shuffle(order.begin(), order.end(), random);
    ids.insert(ids.end(), order.begin(), order.begin() + shape.chosen);
  }
  const std::vector<float> weights = testing_backend::normal(shape.tokens * shape.chosen, 8);
  MoeFfn ffn;
  ffn.x = x.tensor;
  ffn.norm = &norm;
  ffn.experts = experts;
  ffn.num_experts_per_tok = shape.chosen;
  ffn.ids = ids.data() + first * shape.chosen;
  ffn.weights = weights.data() + first * shape.chosen;
  run.backend.moe_ffn(ffn);
  Units units;
  for (int64_t t = 0; t < x.tensor.rows(); ++t) {
    units.found.push_back(x.row(t));
    if (!run.bounds) continue;
    const auto k = static_cast<size_t>(shape.chosen);
    units.bound.push_back(moe_bound(experts, normed_row(before, norm, t),
                                    {ffn.ids + t * shape.chosen, k},
                                    {ffn.weights + t * shape.chosen, k}, units.found.back()));
  }
  return units;
}

constexpr VerbCase kCases[] = {
    {"route_experts", route_experts, kWeightFormats, std::size(kRouters)},
    {"moe_ffn", moe_ffn, kWeightFormats, std::size(kMoe)},
};

}  // namespace

std::span<const VerbCase> expert_cases() {
  return kCases;
}

}  // namespace hearth::conformance
