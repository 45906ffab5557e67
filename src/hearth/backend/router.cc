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

// Working memory of one thread: a decode step allocates nothing once it has grown.
struct Scratch {
  std::vector<double> scores, choice, groups;
  std::vector<int32_t> order;
  std::vector<uint8_t> kept;
};

void score(ExpertScoring scoring, std::span<const float> logits, std::vector<double>& scores) {
  scores.assign(logits.begin(), logits.end());
  if (scoring == ExpertScoring::sigmoid) {
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
    return;
  }
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  for (double& s : scores) s /= sum;
}

// Indices of the `count` largest values, best first, lower index first among equals. No NaN.
std::span<const int32_t> top_indices(std::span<const double> values, int64_t count,
                                     std::vector<int32_t>& order) {
  order.resize(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    const double x = values[static_cast<size_t>(a)];
    const double y = values[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  return std::span(order).first(static_cast<size_t>(count));
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
void limit_groups(const RouteExperts& args, Scratch& s) {
  const size_t size = s.choice.size() / static_cast<size_t>(args.n_group);
  s.groups.resize(static_cast<size_t>(args.n_group));
  for (size_t g = 0; g < s.groups.size(); ++g) {
    s.groups[g] = group_score(args.group_score, std::span(s.choice).subspan(g * size, size));
  }
  s.kept.assign(s.groups.size(), 0);
  for (int32_t g : top_indices(s.groups, args.topk_group, s.order)) {
    s.kept[static_cast<size_t>(g)] = 1;
  }
  for (size_t i = 0; i < s.choice.size(); ++i) {
    if (!s.kept[i / size]) s.choice[i] = kExcluded;
  }
}

}  // namespace

void choose_experts(const RouteExperts& args, std::span<const float> logits, int32_t* ids,
                    float* weights) {
  thread_local Scratch s;
  score(args.scoring, logits, s.scores);
  s.choice = s.scores;
  if (args.correction_bias && args.correction_bias->present()) {
    const float* bias = args.correction_bias->vector();
    for (size_t i = 0; i < s.choice.size(); ++i) s.choice[i] += bias[i];
  }
  // NaN has no place in an order: it is the last choice, and stays visible in the weights when all
  // are NaN.
  for (double& c : s.choice) c = std::isnan(c) ? kExcluded : c;
  if (args.n_group > 1) limit_groups(args, s);
  const auto chosen = top_indices(s.choice, args.num_experts_per_tok, s.order);
  double sum = 0;
  for (int32_t id : chosen) sum += s.scores[static_cast<size_t>(id)];
  const double divisor = args.norm_topk_prob ? sum + 1e-20 : 1;
  for (size_t i = 0; i < chosen.size(); ++i) {
    ids[i] = chosen[i];
    weights[i] = static_cast<float>(s.scores[static_cast<size_t>(chosen[i])] / divisor *
                                    args.routed_scaling_factor);
  }
}

}  // namespace hearth
