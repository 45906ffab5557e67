// What a step costs beside the model: planning with eight sequences, and sampling one row of a
// vocabulary of 152,064. Prints the median of many; one thread.
//   cmake --build build --target engine_costs && build/bench/engine_costs
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include "hearth/engine/keyed_sampler.h"
#include "hearth/engine/sampler.h"
#include "hearth/engine/scheduler.h"
#include "hearth/guard/watermark/contexts.h"

namespace hearth {
namespace {

template <typename F>
double median_us(int rounds, const F& f) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f(i);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

// Like a language model's: noise, and a few tokens that stand out of it.
std::vector<float> logits_like(size_t vocab, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0, 2.5f), peak(17, 2);
  std::vector<float> logits(vocab);
  for (float& l : logits) l = noise(random);
  for (int i = 0; i < 30; ++i) logits[random() % vocab] = peak(random);
  return logits;
}

void sampling_costs() {
  constexpr size_t kVocab = 152064;
  std::vector<std::vector<float>> rows;
  for (uint32_t seed = 0; seed < 8; ++seed) rows.push_back(logits_like(kVocab, seed));
  std::vector<uint8_t> banned(kVocab, 0);
  std::fill(banned.begin() + 151665, banned.end(), 1);
  std::vector<int32_t> history(1000);
  for (size_t i = 0; i < history.size(); ++i) history[i] = static_cast<int32_t>(i * 151);
  const auto cost = [&](const char* name, const SamplingParams& params) {
    SamplingParams p = params;
    int64_t sum = 0;
    const double us = median_us(400, [&](int i) {
      p.seed = static_cast<uint64_t>(i);
      sum += sample(rows[static_cast<size_t>(i) % rows.size()], p, {history, 500}, banned);
    });
    fmt::print("sample, {:<28} {:8.1f} us a row ({})\n", name, us, sum % 1000);
  };
  // The whole of a watermarked draw: the place, then the numbers of the tokens.
  const auto cost_by_key = [&](const char* name, const SamplingParams& p) {
    int64_t sum = 0;
    watermark::Contexts contexts(watermark::kWindowDefault);
    for (int32_t id = 0; id < 4; ++id) contexts.take(id);
    const double us = median_us(400, [&](int i) {
      contexts.take(i);
      const KeyedPlace place{contexts.here()->under({1, 2}), 2};
      sum += sample_keyed(rows[static_cast<size_t>(i) % rows.size()], p, {history, 500}, banned,
                          place);
    });
    fmt::print("by a key, {:<26} {:8.1f} us a row ({})\n", name, us, sum % 1000);
  };
  SamplingParams p;
  p.temperature = 0;
  cost("greedy", p);
  cost_by_key("greedy", p);
  p.temperature = 0.6;
  cost("temperature 0.6", p);
  cost_by_key("temperature 0.6", p);
  p.top_p = 0.95;
  cost("temperature 0.6, top-p 0.95", p);
  cost_by_key("temperature 0.6, top-p 0.95", p);
  p.repetition_penalty = 1.1;
  cost("the same with penalty", p);
  p.repetition_penalty = 1;
  p.top_p = 1;
  p.top_k = 50;
  cost("temperature 0.6, top-k 50", p);
  p.top_k = 0;
  p.min_p = 0.05;
  cost("temperature 0.6, min-p 0.05", p);
}

void planning_cost() {
  constexpr int64_t kPrompt = 1000, kSteps = 2000;
  Scheduler scheduler({}, 1024);
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (int64_t id = 1; id <= 8; ++id) {
    auto s = std::make_unique<Sequence>();
    s->id = id;
    s->prompt_length = kPrompt;
    s->tokens.assign(kPrompt, static_cast<int32_t>(id));
    s->length_max = kPrompt + kSteps + 100;
    scheduler.add(s.get());
    sequences.push_back(std::move(s));
  }
  const auto step = [&](int i) {
    const Scheduler::Plan& plan = scheduler.plan();
    scheduler.commit(plan);
    for (Sequence* s : plan.owners) {
      if (s->computed == s->length()) s->tokens.push_back(i);
    }
  };
  for (int i = 0; i < 40; ++i) step(i);
  const double us = median_us(kSteps, step);
  fmt::print("scheduler, blocks and batch, 8 sequences {:8.1f} us a step\n", us);
}

}  // namespace
}  // namespace hearth

int main() {
  hearth::sampling_costs();
  hearth::planning_cost();
}
