// See sampler.h. Probabilities in double; nothing is sorted that no filter asks for, and a filter
// takes candidates from a heap until it is satisfied: a vocabulary of 129,000 is never sorted.
#include "hearth/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct Scored {
  int32_t id;
  double logit;
};

bool worse(const Scored& a, const Scored& b) {
  return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
}

bool penalises(const SamplingParams& p) {
  return p.repetition_penalty != 1 || p.frequency_penalty != 0 || p.presence_penalty != 0;
}

// Whether the most likely token can be another one than that of the bare logits.
bool reorders(const SamplingParams& p) {
  return penalises(p) || !p.logit_bias.empty();
}

bool filters(const SamplingParams& p) {
  return p.top_k > 0 || p.top_p < 1 || p.min_p > 0;
}

void penalise(std::span<double> logits, const SamplingParams& params, const TokenHistory& history) {
  if (!penalises(params)) return;
  std::unordered_map<int32_t, int64_t> in_answer;  // 0: only in the prompt
  for (size_t i = 0; i < history.tokens.size(); ++i) {
    const bool answer = static_cast<int64_t>(i) >= history.prompt_length;
    in_answer[history.tokens[i]] += answer ? 1 : 0;
  }
  for (const auto& [id, count] : in_answer) {
    double& logit = logits[static_cast<size_t>(id)];
    logit = logit < 0 ? logit * params.repetition_penalty : logit / params.repetition_penalty;
    logit -= static_cast<double>(count) * params.frequency_penalty;
    if (count > 0) logit -= params.presence_penalty;
  }
}

bool is_banned(std::span<const uint8_t> banned, size_t id) {
  return id < banned.size() && banned[id];
}

// Logits after bias, penalties and temperature, in memory of this thread that the next call takes
// again. A NaN has no place in an order: it is as unlikely as can be.
std::span<double> adjusted(std::span<const float> logits, const SamplingParams& params,
                           const TokenHistory& history) {
  thread_local std::vector<double> values;
  values.assign(logits.begin(), logits.end());
  for (const LogitBias& b : params.logit_bias) values[static_cast<size_t>(b.id)] += b.bias;
  penalise(values, params, history);
  const double temperature = params.temperature == 0 ? 1 : std::max(params.temperature, 1e-6);
  for (double& v : values) v = std::isnan(v) ? kNever : v / temperature;
  return values;
}

// The id of the largest logit that is not banned, the lowest among equals; NaN only if all are.
template <typename T>
int32_t argmax(std::span<const T> logits, std::span<const uint8_t> banned) {
  int32_t best = -1;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (is_banned(banned, i)) continue;
    const T held =
        best < 0 ? std::numeric_limits<T>::quiet_NaN() : logits[static_cast<size_t>(best)];
    if (best < 0 || logits[i] > held || (std::isnan(held) && !std::isnan(logits[i]))) {
      best = static_cast<int32_t>(i);
    }
  }
  CHECK_GE(best, 0);
  return best;
}

// e^(logit - top), also where both are infinite.
double relative(double logit, double top) {
  return logit == top ? 1 : std::exp(logit - top);
}

// One token of the whole vocabulary: by id, since without a filter no order is needed.
int32_t draw_unfiltered(std::span<double> logits, double u, std::span<const uint8_t> banned) {
  const double top = logits[static_cast<size_t>(argmax<double>(logits, banned))];
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    logits[i] = is_banned(banned, i) ? 0 : relative(logits[i], top);
    sum += logits[i];
  }
  int32_t last = 0;
  double reached = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == 0) continue;
    last = static_cast<int32_t>(i);
    reached += logits[i];
    if (u * sum < reached) break;
  }
  return last;
}

std::vector<Scored> allowed(std::span<const double> logits, std::span<const uint8_t> banned) {
  std::vector<Scored> out;
  out.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!is_banned(banned, i)) out.push_back({static_cast<int32_t>(i), logits[i]});
  }
  CHECK(!out.empty());
  return out;
}

// The `count` best of `heap`, or fewer when `enough(probability so far)` or the next is below
// min_p.
template <typename Enough>
std::vector<Candidate> take_best(std::vector<Scored>& heap, size_t count, double min_p,
                                 const Enough& enough) {
  std::make_heap(heap.begin(), heap.end(), worse);
  const double top = heap.front().logit;
  std::vector<Candidate> kept;
  double reached = 0;
  while (kept.size() < count) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    const Scored next = heap.back();
    heap.pop_back();
    const double p = relative(next.logit, top);
    if (p < min_p && !kept.empty()) break;
    kept.push_back({next.id, p});
    reached += p;
    if (enough(reached)) break;
  }
  return kept;
}

void normalise(std::vector<Candidate>& kept) {
  double sum = 0;
  for (const Candidate& c : kept) sum += c.probability;
  for (Candidate& c : kept) c.probability /= sum;
}

// The shortest beginning that reaches `top_p` of its mass, then of that what is no less likely than
// min_p times the best.
void cut(std::vector<Candidate>& kept, double top_p, double min_p) {
  double mass = 0;
  for (const Candidate& c : kept) mass += c.probability;
  size_t count = kept.size();
  if (top_p < 1) {
    count = 0;
    for (double sum = 0; count < kept.size() && sum < top_p * mass;) {
      sum += kept[count++].probability;
    }
  }
  while (count > 1 && kept[count - 1].probability < min_p) --count;
  kept.resize(std::max<size_t>(count, 1));
}

}  // namespace

Status check_sampling(const SamplingParams& p) {
  const auto within = [](std::string_view name, double value, double low, double high) -> Status {
    if (value >= low && value <= high) return Status::ok();  // NaN fails
    return error(Code::invalid, "`{}`: expected [{}, {}], found {}", name, low, high, value);
  };
  TRY(within("temperature", p.temperature, 0, 1e6));
  TRY(within("top_p", p.top_p, 0, 1));
  TRY(within("min_p", p.min_p, 0, 1));
  TRY(within("repetition_penalty", p.repetition_penalty, 1e-3, 1e3));
  TRY(within("frequency_penalty", p.frequency_penalty, -1e3, 1e3));
  TRY(within("presence_penalty", p.presence_penalty, -1e3, 1e3));
  if (p.top_k < 0) {
    return error(Code::invalid, "`top_k`: expected 0 (all) or more, found {}", p.top_k);
  }
  return Status::ok();
}

std::vector<Candidate> distribution(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned) {
  const std::span<const double> scores = adjusted(logits, params, history);
  if (params.temperature == 0) return {{argmax(scores, banned), 1}};
  std::vector<Scored> heap = allowed(scores, banned);
  const size_t all = heap.size();
  std::vector<Candidate> kept;
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < all) {
    // top-k is taken first: the mass that top-p speaks of is that of the k.
    kept = take_best(heap, static_cast<size_t>(params.top_k), 0, [](double) { return false; });
    cut(kept, params.top_p, params.min_p);
  } else {
    double top = kNever;
    for (const Scored& s : heap) top = std::max(top, s.logit);
    double mass = 0;
    if (params.top_p < 1) {
      for (const Scored& s : heap) mass += relative(s.logit, top);
    }
    kept = take_best(heap, all, params.min_p, [&](double reached) {
      return params.top_p < 1 && reached >= params.top_p * mass;
    });
  }
  normalise(kept);
  return kept;
}

int32_t greedy(std::span<const float> logits, std::span<const uint8_t> banned) {
  return argmax<float>(logits, banned);
}

int32_t sample(std::span<const float> logits, const SamplingParams& params,
               const TokenHistory& history, std::span<const uint8_t> banned) {
  if (params.temperature == 0) {
    if (!reorders(params)) return greedy(logits, banned);
    return argmax<double>(adjusted(logits, params, history), banned);
  }
  const double u = uniform(params.seed, history.tokens.size());
  if (!filters(params)) return draw_unfiltered(adjusted(logits, params, history), u, banned);
  const std::vector<Candidate> kept = distribution(logits, params, history, banned);
  double sum = 0;
  for (const Candidate& c : kept) {
    sum += c.probability;
    if (u < sum) return c.id;
  }
  return kept.back().id;
}

double uniform(uint64_t seed, uint64_t counter) {
  // Two rounds of SplitMix64's finaliser (Steele et al. 2014) over a combined counter.
  uint64_t z = seed * 0x9e3779b97f4a7c15u + counter;
  for (int round = 0; round < 2; ++round) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
  }
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

}  // namespace hearth
