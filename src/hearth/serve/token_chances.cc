// See token_chances.h.
#include "hearth/serve/token_chances.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::serve {
namespace {

constexpr double kNever = -9999;  // what OpenAI shows for a probability of zero; JSON has no -inf

double log_of_sum(std::span<const float> logits, double top) {
  double sum = 0;
  for (float v : logits) {
    if (!std::isnan(v)) sum += std::exp(static_cast<double>(v) - top);
  }
  return top + std::log(sum);
}

}  // namespace

TokenLogprob token_logprob(std::span<const float> logits, int32_t id, int64_t top) {
  double best = -std::numeric_limits<double>::infinity();
  for (float v : logits) {
    if (v > best) best = v;
  }
  const double total = log_of_sum(logits, best);
  const auto chance = [&](int32_t token) {
    const double p = static_cast<double>(logits[static_cast<size_t>(token)]) - total;
    return TokenChance{token, std::isfinite(p) ? std::max(p, kNever) : kNever};
  };
  TokenLogprob out;
  out.chosen = chance(id);
  const auto better = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)];
    const float y = logits[static_cast<size_t>(b)];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x);
    return x > y || (x == y && a < b);
  };
  std::vector<int32_t> kept;  // best first, at most `top`
  for (int32_t token = 0; top > 0 && token < static_cast<int32_t>(logits.size()); ++token) {
    if (static_cast<int64_t>(kept.size()) == top && !better(token, kept.back())) continue;
    const auto at = std::lower_bound(kept.begin(), kept.end(), token, better);
    kept.insert(at, token);
    if (static_cast<int64_t>(kept.size()) > top) kept.pop_back();
  }
  for (int32_t token : kept) out.top.push_back(chance(token));
  return out;
}

}  // namespace hearth::serve
