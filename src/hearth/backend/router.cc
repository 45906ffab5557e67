// See router.h. Scores in double: a tie broken by rounding would change the chosen experts.
#include "hearth/backend/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace hearth {
namespace {

constexpr double kExcluded = -std::numeric_limits<double>::infinity();

std::vector<double> scores_of(ExpertScoring scoring, std::span<const float> logits) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (scoring == ExpertScoring::sigmoid) {
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
    return scores;
  }
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  for (double& s : scores) s /= sum;
  return scores;
}

// Indices of the `count` largest values, best first, lower index first among equals.
std::vector<int32_t> top_indices(std::span<const double> values, int64_t count) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    const double x = values[static_cast<size_t>(a)];
    const double y = values[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  order.resize(static_cast<size_t>(count));
  return order;
}

double group_score(GroupScore rule, std::span<const double> group) {
  double best = kExcluded;
  double second = kExcluded;
  for (double v : group) {
    second = std::max(second, std::min(best, v));
    best = std::max(best, v);
  }
  if (rule == GroupScore::best || group.size() < 2) return best;
  return best + second;
}

// Sets the choice of every expert outside the best groups to -infinity.
void limit_groups(const RouteExperts& args, std::vector<double>& choice) {
  const size_t size = choice.size() / static_cast<size_t>(args.n_group);
  std::vector<double> group(static_cast<size_t>(args.n_group));
  for (size_t g = 0; g < group.size(); ++g) {
    group[g] = group_score(args.group_score, std::span(choice).subspan(g * size, size));
  }
  std::vector<bool> kept(group.size(), false);
  for (int32_t g : top_indices(group, args.topk_group)) kept[static_cast<size_t>(g)] = true;
  for (size_t i = 0; i < choice.size(); ++i) {
    if (!kept[i / size]) choice[i] = kExcluded;
  }
}

}  // namespace

void choose_experts(const RouteExperts& args, std::span<const float> logits, int32_t* ids,
                    float* weights) {
  const std::vector<double> scores = scores_of(args.scoring, logits);
  std::vector<double> choice = scores;
  if (args.correction_bias && args.correction_bias->present()) {
    const float* bias = args.correction_bias->vector();
    for (size_t i = 0; i < choice.size(); ++i) choice[i] += bias[i];
  }
  if (args.n_group > 1) limit_groups(args, choice);
  const std::vector<int32_t> chosen = top_indices(choice, args.num_experts_per_tok);
  double sum = 0;
  for (int32_t id : chosen) sum += scores[static_cast<size_t>(id)];
  const double divisor = args.norm_topk_prob ? sum + 1e-20 : 1;
  for (size_t i = 0; i < chosen.size(); ++i) {
    ids[i] = chosen[i];
    weights[i] = static_cast<float>(scores[static_cast<size_t>(chosen[i])] / divisor *
                                    args.routed_scaling_factor);
  }
}

}  // namespace hearth
