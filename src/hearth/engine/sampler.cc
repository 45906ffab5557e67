// See sampler.h. Probabilities in double. There are two ways to one result: the plain one looks at
// the whole vocabulary in double; the quick one finds the few tokens that matter by scans in float,
// whose error is bounded, computes only those in double, and gives up where the bound can't decide.
#include "hearth/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "hearth/base/check.h"
#include "hearth/base/random.h"
#include "hearth/engine/logit_scan.h"

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

// A token whose logit is not the model's.
struct Changed {
  int32_t id;
  double logit;
  bool seen;         // in prompt or answer
  int64_t answered;  // times in the answer
};

// Memory of this thread that the next call takes again.
struct Workspace {
  std::vector<int32_t> slots;  // [vocab] 1 + index in changed; 0: none
  std::vector<Changed> changed;
  std::vector<double> adjusted;  // the plain way's logits
  std::vector<float> values, maxima, best;
  std::vector<double> sums;
  std::vector<Scored> heap;
  std::vector<Candidate> kept;
};

Workspace& workspace() {
  thread_local Workspace w;
  return w;
}

bool penalises(const SamplingParams& p) {
  return p.repetition_penalty != 1 || p.frequency_penalty != 0 || p.presence_penalty != 0;
}

// 0 stands for greedy: then nothing is divided.
double divisor(const SamplingParams& p) {
  return p.temperature == 0 ? 1 : std::max(p.temperature, 1e-6);
}

// A NaN has no place in an order: it is as unlikely as can be.
double score(double logit, double temperature) {
  return std::isnan(logit) ? kNever : logit / temperature;
}

// The logits after bias and penalties, of the tokens that have any.
std::span<const Changed> changed_logits(std::span<const float> logits, const SamplingParams& params,
                                        const TokenHistory& history) {
  Workspace& w = workspace();
  w.changed.clear();
  if (!changes(params)) return {};
  w.changed.reserve(logits.size());
  w.slots.resize(std::max(w.slots.size(), logits.size()), 0);
  const auto changed = [&](int32_t id) -> Changed& {
    int32_t& slot = w.slots[static_cast<size_t>(id)];
    if (slot == 0) {
      w.changed.push_back({id, static_cast<double>(logits[static_cast<size_t>(id)]), false, 0});
      slot = static_cast<int32_t>(w.changed.size());
    }
    return w.changed[static_cast<size_t>(slot - 1)];
  };
  for (const LogitBias& b : params.logit_bias) changed(b.id).logit += static_cast<double>(b.bias);
  for (size_t i = 0; penalises(params) && i < history.tokens.size(); ++i) {
    Changed& c = changed(history.tokens[i]);
    c.seen = true;
    c.answered += static_cast<int64_t>(i) >= history.prompt_length ? 1 : 0;
  }
  for (Changed& c : w.changed) {
    w.slots[static_cast<size_t>(c.id)] = 0;
    if (!c.seen) continue;
    c.logit =
        c.logit < 0 ? c.logit * params.repetition_penalty : c.logit / params.repetition_penalty;
    c.logit -= static_cast<double>(c.answered) * params.frequency_penalty;
    if (c.answered > 0) c.logit -= params.presence_penalty;
  }
  return w.changed;
}

// Logits after bias, penalties and temperature, of the whole vocabulary.
std::span<double> adjusted(std::span<const float> logits, const SamplingParams& params,
                           std::span<const Changed> changed) {
  std::vector<double>& values = workspace().adjusted;
  values.assign(logits.begin(), logits.end());
  for (const Changed& c : changed) values[static_cast<size_t>(c.id)] = c.logit;
  for (double& v : values) v = score(v, divisor(params));
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

// Takes the best of the heap, best first, to `kept`, until it is empty, one is less likely than
// min_p, or enough(probability so far). Returns that last answer.
template <typename Enough>
bool take_best(std::vector<Scored>& heap, double min_p, const Enough& enough,
               std::vector<Candidate>& kept) {
  std::make_heap(heap.begin(), heap.end(), worse);
  const double top = heap.front().logit;
  double reached = 0;
  kept.clear();
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    const Scored next = heap.back();
    heap.pop_back();
    const double p = relative(next.logit, top);
    if (p < min_p && !kept.empty()) return false;
    kept.push_back({next.id, p});
    reached += p;
    if (enough(reached)) return true;
  }
  return false;
}

// The `count` best.
void take_best(std::vector<Scored>& heap, size_t count, std::vector<Candidate>& kept) {
  take_best(
      heap, 0, [&](double) { return kept.size() == count; }, kept);
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

// The plain way to the filtered distribution, before it is normalised.
void filter_all(std::span<const double> scores, const SamplingParams& params,
                std::span<const uint8_t> banned, Workspace& w) {
  w.heap.clear();
  double top = kNever;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (is_banned(banned, i)) continue;
    w.heap.push_back({static_cast<int32_t>(i), scores[i]});
    top = std::max(top, scores[i]);
  }
  CHECK(!w.heap.empty());
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < w.heap.size()) {
    // top-k is taken first: the mass that top-p speaks of is that of the k.
    const auto k = static_cast<size_t>(params.top_k);
    take_best(w.heap, k, w.kept);
    return cut(w.kept, params.top_p, params.min_p);
  }
  double mass = 0;
  if (params.top_p < 1) {
    for (const Scored& s : w.heap) mass += relative(s.logit, top);
  }
  const auto enough = [&](double reached) {
    return params.top_p < 1 && reached >= params.top_p * mass;
  };
  take_best(w.heap, params.min_p, enough, w.kept);
}

// From here on the quick way. The row in float, without banned and changed tokens. Returns its
// largest logit.
float scan(std::span<const float> logits, std::span<const Changed> changed,
           std::span<const uint8_t> banned, Workspace& w) {
  const size_t blocks = scan_blocks(logits.size());
  w.maxima.resize(blocks);
  w.values.resize(blocks * kScanBlock);
  scan_maxima(logits, banned, w.maxima, w.values);
  constexpr auto kNone = static_cast<float>(kNever);
  for (const Changed& c : changed) w.values[static_cast<size_t>(c.id)] = kNone;
  for (const Changed& c : changed) {
    const auto block = static_cast<size_t>(c.id) / kScanBlock;
    const auto begin = w.values.begin() + static_cast<int64_t>(block * kScanBlock);
    w.maxima[block] = kNone;
    for (auto v = begin; v != begin + kScanBlock; ++v) {
      w.maxima[block] = std::max(w.maxima[block], *v);
    }
  }
  return *std::ranges::max_element(w.maxima);
}

// All tokens whose logit is `least` or more, and those that have a changed one.
void gather(float least, double temperature, std::span<const Changed> changed,
            std::span<const uint8_t> banned, Workspace& w) {
  w.heap.clear();
  for (const Changed& c : changed) {
    if (is_banned(banned, static_cast<size_t>(c.id))) continue;
    w.heap.push_back({c.id, score(c.logit, temperature)});
  }
  for (size_t b = 0; b < w.maxima.size(); ++b) {
    if (!(w.maxima[b] >= least)) continue;
    for (size_t i = b * kScanBlock; i < (b + 1) * kScanBlock; ++i) {
      if (!(w.values[i] >= least)) continue;
      w.heap.push_back(
          {static_cast<int32_t>(i), score(static_cast<double>(w.values[i]), temperature)});
    }
  }
}

// top-k: as many blocks as are wanted tokens have a maximum that is no less than `least`, so the k
// best tokens are no less, either.
bool filter_top_k(const SamplingParams& params, std::span<const Changed> changed,
                  std::span<const uint8_t> banned, Workspace& w) {
  const auto k = static_cast<size_t>(params.top_k);
  w.best.assign(w.maxima.begin(), w.maxima.end());
  if (k >= w.best.size()) return false;
  // One more than k, so that k is surely less than all.
  std::nth_element(w.best.begin(), w.best.begin() + params.top_k, w.best.end(), std::greater<>());
  const float least = w.best[k];
  if (!std::isfinite(least)) return false;
  gather(least, divisor(params), changed, banned, w);
  take_best(w.heap, k, w.kept);
  cut(w.kept, params.top_p, params.min_p);
  return true;
}

// top-p and min-p: a token that is `depth` below the best (in units of the exponent) is not kept.
bool filter_by_mass(const SamplingParams& params, std::span<const Changed> changed, float top,
                    std::span<const uint8_t> banned, Workspace& w) {
  const double temperature = divisor(params);
  double best = score(static_cast<double>(top), temperature);
  for (const Changed& c : changed) {
    if (is_banned(banned, static_cast<size_t>(c.id))) continue;
    best = std::max(best, score(c.logit, temperature));
  }
  if (!std::isfinite(best)) return false;
  const double min_p_depth = params.min_p > 0 ? 1e-6 - std::log(params.min_p) : -kNever;
  double depth = min_p_depth;
  double mass = 0;
  double error = 0;
  if (params.top_p < 1) {
    w.sums.resize(w.maxima.size());
    mass = sum_exponentials(w.values, top, temperature, w.sums);
    error = sum_error(mass, w.values.size());
    mass *= std::exp(static_cast<double>(top) / temperature - best);
    for (const Changed& c : changed) {
      if (is_banned(banned, static_cast<size_t>(c.id))) continue;
      mass += relative(score(c.logit, temperature), best);
    }
    // All below this together have less than 1 - top_p of the mass.
    const double tail = std::max((1 - params.top_p) * mass * 0.99, 1e-300);
    depth = std::min(depth, std::log(static_cast<double>(w.values.size()) / tail));
  }
  if (!std::isfinite(depth)) return false;
  const double least = (best - depth) * temperature;
  if (!(least > -1e38)) return false;  // beyond float, where banned tokens are
  gather(static_cast<float>(least - 1e-6 * std::abs(least)), temperature, changed, banned, w);
  bool certain = true;
  const auto enough = [&](double reached) {
    const double wanted = params.top_p * mass;
    if (params.top_p < 1 && std::abs(reached - wanted) <= error * mass) certain = false;
    return !certain || (params.top_p < 1 && reached >= wanted);
  };
  const bool reached = take_best(w.heap, params.min_p, enough, w.kept);
  // The list may end unreached only where min_p ended it.
  return certain && (reached || depth == min_p_depth);
}

// The quick way of filter_all(); false: it must be gone the plain way.
bool filter_few(std::span<const float> logits, const SamplingParams& params,
                std::span<const Changed> changed, std::span<const uint8_t> banned, Workspace& w) {
  const float top = scan(logits, changed, banned, w);
  if (!std::isfinite(top)) return false;
  if (params.top_k > 0) return filter_top_k(params, changed, banned, w);
  return filter_by_mass(params, changed, top, banned, w);
}

// The quick way of draw_unfiltered(): sums of blocks first, then the tokens of one.
std::optional<int32_t> draw_by_blocks(std::span<const float> logits, const SamplingParams& params,
                                      double u, std::span<const uint8_t> banned, Workspace& w) {
  const float top = scan(logits, {}, banned, w);
  if (!std::isfinite(top)) return std::nullopt;
  const double temperature = divisor(params);
  w.sums.resize(w.maxima.size());
  const double mass = sum_exponentials(w.values, top, temperature, w.sums);
  const double error = 2 * sum_error(mass, w.values.size()) * mass;
  const double wanted = u * mass;
  size_t b = 0;
  double before = 0;
  while (b + 1 < w.sums.size() && before + w.sums[b] < wanted) before += w.sums[b++];
  const double best = score(static_cast<double>(top), temperature);
  for (size_t i = b * kScanBlock; i < (b + 1) * kScanBlock; ++i) {
    const double p = relative(score(static_cast<double>(w.values[i]), temperature), best);
    if (before + error < wanted && wanted < before + p - error) return static_cast<int32_t>(i);
    before += p;
  }
  return std::nullopt;
}

// The quick way of argmax(); -1: none.
int32_t quick_argmax(std::span<const float> logits, std::span<const uint8_t> banned, Workspace& w) {
  w.maxima.resize(scan_blocks(logits.size()));
  scan_maxima(logits, banned, w.maxima);
  const auto best = std::ranges::max_element(w.maxima);
  if (*best == static_cast<float>(kNever)) return -1;
  auto i = static_cast<size_t>(best - w.maxima.begin()) * kScanBlock;
  while (is_banned(banned, i) || logits[i] != *best) ++i;
  return static_cast<int32_t>(i);
}

}  // namespace

bool filters(const SamplingParams& p) {
  return p.top_k > 0 || p.top_p < 1 || p.min_p > 0;
}

// Then the most likely token can be another one than that of the bare logits.
bool changes(const SamplingParams& p) {
  return penalises(p) || !p.logit_bias.empty();
}

SamplingParams SamplingOverrides::over(const SamplingParams& defaults) const {
  SamplingParams p = defaults;
  p.temperature = temperature.value_or(p.temperature);
  p.top_k = top_k.value_or(p.top_k);
  p.top_p = top_p.value_or(p.top_p);
  p.min_p = min_p.value_or(p.min_p);
  p.repetition_penalty = repetition_penalty.value_or(p.repetition_penalty);
  p.frequency_penalty = frequency_penalty.value_or(p.frequency_penalty);
  p.presence_penalty = presence_penalty.value_or(p.presence_penalty);
  p.seed = seed.value_or(p.seed);
  p.logit_bias = logit_bias;
  // One candidate leaves nothing to draw: who asks whether an answer is greedy must hear so.
  if (p.top_k == 1 || p.top_p == 0 || p.min_p == 1) p.temperature = 0;
  return p;
}

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
  for (const LogitBias& b : p.logit_bias) {
    TRY(within("logit_bias", static_cast<double>(b.bias), -1e3, 1e3));
  }
  if (p.top_k < 0) {
    return error(Code::invalid, "`top_k`: expected 0 (all) or more, found {}", p.top_k);
  }
  return Status::ok();
}

std::span<const Candidate> filtered(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned) {
  Workspace& w = workspace();
  // Once, for whatever a row may ask: a step in the middle of an answer allocates nothing.
  w.adjusted.reserve(logits.size());
  w.heap.reserve(logits.size());
  w.kept.reserve(logits.size());
  const std::span<const Changed> changed = changed_logits(logits, params, history);
  if (!filter_few(logits, params, changed, banned, w)) {
    filter_all(adjusted(logits, params, changed), params, banned, w);
  }
  normalise(w.kept);
  return w.kept;
}

std::span<const double> adjusted_logits(std::span<const float> logits, const SamplingParams& params,
                                        const TokenHistory& history) {
  return adjusted(logits, params, changed_logits(logits, params, history));
}

std::vector<Candidate> distribution(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned) {
  if (params.temperature == 0) {
    return {{greedy(adjusted_logits(logits, params, history), banned), 1}};
  }
  const auto kept = filtered(logits, params, history, banned);
  return {kept.begin(), kept.end()};
}

int32_t greedy(std::span<const float> logits, std::span<const uint8_t> banned) {
  const int32_t id = quick_argmax(logits, banned, workspace());
  return id >= 0 ? id : argmax<float>(logits, banned);
}

int32_t greedy(std::span<const double> adjusted, std::span<const uint8_t> banned) {
  return argmax(adjusted, banned);
}

int32_t sample(std::span<const float> logits, const SamplingParams& params,
               const TokenHistory& history, std::span<const uint8_t> banned) {
  if (params.temperature == 0) {
    if (!changes(params)) return greedy(logits, banned);
    return greedy(adjusted_logits(logits, params, history), banned);
  }
  const double u = uniform(params.seed, history.tokens.size());
  if (!filters(params)) {
    if (!changes(params)) {
      const auto id = draw_by_blocks(logits, params, u, banned, workspace());
      if (id) return *id;
    }
    const auto changed = changed_logits(logits, params, history);
    return draw_unfiltered(adjusted(logits, params, changed), u, banned);
  }
  const std::span<const Candidate> kept = filtered(logits, params, history, banned);
  double sum = 0;
  for (const Candidate& c : kept) {
    sum += c.probability;
    if (u < sum) return c.id;
  }
  return kept.back().id;
}

double uniform(uint64_t seed, uint64_t counter) {
  // Two rounds over a combined counter.
  uint64_t z = seed * kSplitMixStep + counter;
  for (int round = 0; round < 2; ++round) z = splitmix64(z + kSplitMixStep);
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

}  // namespace hearth
