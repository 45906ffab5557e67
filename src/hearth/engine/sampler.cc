// See sampler.h. Probabilities in double; a heap yields candidates in order until top-p is reached,
// so that a vocabulary of 129,000 is never sorted.
#include "hearth/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "hearth/base/check.h"

namespace hearth {
namespace {

struct Scored {
  int32_t id;
  double logit;
};

bool worse(const Scored& a, const Scored& b) {
  return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
}

void penalise(std::vector<double>& logits, const SamplingParams& params,
              const TokenHistory& history) {
  const bool repetition = params.repetition_penalty != 1;
  const bool counts = params.frequency_penalty != 0 || params.presence_penalty != 0;
  if (!repetition && !counts) return;
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

std::vector<Scored> allowed(std::span<const double> logits, std::span<const uint8_t> banned) {
  std::vector<Scored> out;
  out.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i < banned.size() && banned[i]) continue;
    out.push_back({static_cast<int32_t>(i), logits[i]});
  }
  CHECK(!out.empty());
  return out;
}

void normalise(std::vector<Candidate>& kept) {
  double sum = 0;
  for (const Candidate& c : kept) sum += c.probability;
  for (Candidate& c : kept) c.probability /= sum;
}

}  // namespace

std::vector<Candidate> distribution(std::span<const float> logits, const SamplingParams& params,
                                    const TokenHistory& history, std::span<const uint8_t> banned) {
  std::vector<double> adjusted(logits.begin(), logits.end());
  penalise(adjusted, params, history);
  const double temperature = std::max(params.temperature, 1e-6);
  for (double& l : adjusted) l /= temperature;
  std::vector<Scored> heap = allowed(adjusted, banned);
  std::make_heap(heap.begin(), heap.end(), worse);
  const double top = heap.front().logit;
  const auto all = static_cast<int64_t>(heap.size());
  const int64_t limit = params.top_k > 0 ? std::min(params.top_k, all) : all;

  // top-k is taken first, so the mass that top-p speaks of is that of the k.
  std::vector<Candidate> kept;
  double mass = 0;
  if (limit == all) {
    for (const Scored& s : heap) mass += std::exp(s.logit - top);
  }
  double reached = 0;
  const bool early = limit == all && params.top_p < 1;
  while (static_cast<int64_t>(kept.size()) < limit) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    const double p = std::exp(heap.back().logit - top);
    kept.push_back({heap.back().id, p});
    heap.pop_back();
    reached += p;
    if (early && reached >= params.top_p * mass) break;
  }
  if (limit < all && params.top_p < 1) {
    double sum = 0;
    size_t count = 0;
    while (count < kept.size() && sum < params.top_p * reached) sum += kept[count++].probability;
    kept.resize(std::max<size_t>(count, 1));
  }
  std::erase_if(kept, [&](const Candidate& c) { return c.probability < params.min_p; });
  normalise(kept);
  return kept;
}

int32_t greedy(std::span<const float> logits, std::span<const uint8_t> banned) {
  int32_t best = -1;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i < banned.size() && banned[i]) continue;
    if (best < 0 || logits[i] > logits[static_cast<size_t>(best)]) best = static_cast<int32_t>(i);
  }
  CHECK_GE(best, 0);
  return best;
}

int32_t sample(std::span<const float> logits, const SamplingParams& params,
               const TokenHistory& history, std::span<const uint8_t> banned) {
  const bool plain = params.repetition_penalty == 1 && params.frequency_penalty == 0 &&
                     params.presence_penalty == 0;
  if (params.temperature == 0 && plain) return greedy(logits, banned);
  const std::vector<Candidate> kept = distribution(logits, params, history, banned);
  if (params.temperature == 0) return kept.front().id;
  const double u = uniform(params.seed, history.tokens.size());
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
