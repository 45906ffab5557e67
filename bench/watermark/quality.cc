// What marks do to the answers of the bundled model, and what guesses do to marks: unmarked
// answers, and marked ones by one key and by two, each answer by keys of its own; all with guesses
// of the same model in four bits. For each: how often guesses were right; the mean -ln p of the
// tokens under the model as it was asked (its standard error; the logarithm of the perplexity); the
// least p-value of Kolmogorov and Smirnov's test that a token is as frequent in marked answers as
// in unmarked ones, over the commonest tokens, corrected for their number; and what the detector
// finds.
//   cmake --build build --target watermark_quality
//   build/bench/watermark_quality [ANSWERS] [TOKENS]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/engine/answer_mark.h"
#include "hearth/engine/text_model.h"
#include "hearth/guard/watermark/detector.h"
#include "hearth/host/fit.h"

namespace hearth {
namespace {

constexpr size_t kCommonest = 20;

enum class Marks { none, none_again, one_key, two_keys };

struct Loaded {
  std::unique_ptr<TextModel> model, coarse;
};

struct Answered {
  std::vector<int32_t> tokens;
  double nats = 0;  // -ln p of all tokens
};

struct Sample {
  std::vector<Answered> answers;
  DraftStats drafts;
  std::vector<double> p_values;
};

// Of an answer: its seed, its keys, its question.
uint64_t number_of(Marks marks, int i) {
  return 1'000'000 * static_cast<uint64_t>(marks) + static_cast<uint64_t>(i);
}

watermark::SourceKeys keys_of(Marks marks, uint64_t number) {
  watermark::SourceKeys keys;
  keys.race = {number, 1};
  keys.green = {number, 2};
  if (marks == Marks::two_keys) keys.draft = SipKey{number, 3};
  return keys;
}

TokenRequest request_of(const TextModel& model, Marks marks, double temperature, int64_t tokens,
                        uint64_t number) {
  TokenRequest r;
  const uint64_t sum = number % 40;
  r.prompt = model.plain(fmt::format("{}+{}=", 10 + sum, 7 * sum), false).ids;
  r.max_tokens = tokens;
  r.sampling.temperature = temperature;
  r.sampling.top_p = 0.95;
  r.sampling.seed = number;
  if (marks == Marks::one_key || marks == Marks::two_keys) {
    const watermark::Mark mark{keys_of(marks, number), 0, false};
    r.keyed = make_mark(model.tokenizer(), AnswerStream::Form::raw, mark, r.sampling);
    r.dual_key = marks == Marks::two_keys;
  }
  return r;
}

// Tokens, and what the model thought of each.
TokenSink sink_of(const TextModel& model, const SamplingParams& sampling, Answered& answer) {
  auto candidates = std::make_shared<std::vector<Candidate>>();
  TokenSink sink;
  sink.on_token_logits = [candidates, sampling, &model](std::span<const float> row) {
    *candidates = distribution(row, sampling, {}, model.banned());
  };
  sink.on_token = [candidates, &answer](int32_t id) {
    const auto at = std::ranges::find(*candidates, id, &Candidate::id);
    CHECK(at != candidates->end());
    answer.nats -= std::log(at->probability);
    answer.tokens.push_back(id);
    return true;
  };
  return sink;
}

Sample sample_of(Loaded& loaded, Backend& backend, Marks marks, double temperature, int answers,
                 int64_t tokens) {
  EngineOptions options;
  options.context = 512;
  options.kv_blocks = 128;
  options.limits.sequences_max = 16;
  options.draft_model = &loaded.coarse->model();
  options.drafts_always = true;
  options.drafts_max = 3;
  const TextModel& model = *loaded.model;
  Engine engine(model.model(), backend, options, model.banned());
  Sample out;
  out.answers.resize(static_cast<size_t>(answers));
  for (int i = 0; i < answers; ++i) {
    const uint64_t number = number_of(marks, i);
    TokenRequest r = request_of(model, marks, temperature, tokens, number);
    Answered& answer = out.answers[static_cast<size_t>(i)];
    TokenSink sink = sink_of(model, r.sampling, answer);
    CHECK(engine.submit(std::move(r), std::move(sink)).has_value());
  }
  while (!engine.idle()) engine.step();
  for (int i = 0; i < answers; ++i) {
    if (marks == Marks::one_key || marks == Marks::two_keys) {
      const watermark::SourceKeys keys[] = {keys_of(marks, number_of(marks, i))};
      const Answered& answer = out.answers[static_cast<size_t>(i)];
      out.p_values.push_back(watermark::detect(answer.tokens, keys).p_value);
    }
  }
  out.drafts = engine.draft_stats();
  return out;
}

// P[the distance of two samples of one law, of n and m values, is `distance` or more]: the limit,
// which is careful where values come more than once.
double kolmogorov(double distance, double n, double m) {
  const double root = std::sqrt(n * m / (n + m));
  const double x = (root + 0.12 + 0.11 / root) * distance;
  if (x < 0.3) return 1;  // where the series converges slowly
  double sum = 0;
  for (int k = 1; k <= 100; ++k) sum += (k % 2 ? 2 : -2) * std::exp(-2 * k * k * x * x);
  return std::clamp(sum, 0.0, 1.0);
}

std::vector<double> frequencies(const Sample& sample, int32_t id) {
  std::vector<double> out;
  for (const Answered& a : sample.answers) {
    if (a.tokens.empty()) continue;
    out.push_back(static_cast<double>(std::ranges::count(a.tokens, id)) /
                  static_cast<double>(a.tokens.size()));
  }
  std::ranges::sort(out);
  return out;
}

double same_frequency(const Sample& a, const Sample& b, int32_t id) {
  const std::vector<double> x = frequencies(a, id), y = frequencies(b, id);
  const auto share = [](const std::vector<double>& values, double most) {
    return static_cast<double>(std::ranges::upper_bound(values, most) - values.begin()) /
           static_cast<double>(values.size());
  };
  double distance = 0;
  for (const auto* values : {&x, &y}) {
    for (const double v : *values)
      distance = std::max(distance, std::abs(share(x, v) - share(y, v)));
  }
  return kolmogorov(distance, static_cast<double>(x.size()), static_cast<double>(y.size()));
}

// The least of the commonest tokens', corrected.
double same_frequencies(const Sample& plain, const Sample& marked) {
  std::map<int32_t, int> counts;
  for (const Answered& a : plain.answers) {
    for (const int32_t id : a.tokens) ++counts[id];
  }
  std::vector<std::pair<int, int32_t>> ordered;
  for (const auto& [id, n] : counts) ordered.emplace_back(-n, id);
  std::ranges::sort(ordered);
  ordered.resize(std::min(ordered.size(), kCommonest));
  double least = 1;
  for (const auto& [n, id] : ordered) least = std::min(least, same_frequency(plain, marked, id));
  return watermark::sidak(least, static_cast<int64_t>(ordered.size()));
}

void print(const char* name, double temperature, const Sample& sample, const Sample& plain) {
  double sum = 0, squares = 0, tokens = 0;
  for (const Answered& a : sample.answers) {
    sum += a.nats;
    tokens += static_cast<double>(a.tokens.size());
  }
  const double mean = sum / tokens;
  for (const Answered& a : sample.answers) {
    const double off = a.nats - mean * static_cast<double>(a.tokens.size());
    squares += off * off;
  }
  int found = 0;
  for (const double p : sample.p_values) found += p <= 1e-3 ? 1 : 0;
  fmt::print(
      "| {} | {} | {} of {}, {:.1f} % | {:.4f} ± {:.4f} | {:.3f} | {} |\n", temperature, name,
      sample.drafts.accepted, sample.drafts.drafted,
      100 * static_cast<double>(sample.drafts.accepted) /
          static_cast<double>(sample.drafts.drafted),
      mean, std::sqrt(squares) / tokens, same_frequencies(plain, sample),
      sample.p_values.empty()
          ? std::string("-")
          : fmt::format("{:.1f} %", 100.0 * found / static_cast<double>(sample.p_values.size())));
  std::fflush(stdout);
}

int run(int answers, int64_t tokens) {
  CpuBackend backend(default_threads(), *cpu::available_tables().front());
  Loaded loaded;
  for (const bool coarse : {false, true}) {
    LoadOptions options;
    if (coarse) options.dtype = Format::q4_0;
    auto model = TextModel::load("assets/mini", backend, options);
    if (!model) {
      fmt::print(stderr, "{}\n", model.status().message());
      return 2;
    }
    (coarse ? loaded.coarse : loaded.model) = *std::move(model);
  }
  fmt::print(
      "| temperature | marks | guesses right | -ln p a token | Kolmogorov-Smirnov | found |\n"
      "|---|---|---|---|---|---|\n");
  for (const double temperature : {0.6, 1.0, 1.5}) {
    const auto sample = [&](Marks marks) {
      return sample_of(loaded, backend, marks, temperature, answers, tokens);
    };
    const Sample plain = sample(Marks::none);
    print("none", temperature, plain, plain);
    print("none, again", temperature, sample(Marks::none_again), plain);
    print("one key", temperature, sample(Marks::one_key), plain);
    print("two keys", temperature, sample(Marks::two_keys), plain);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  return hearth::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 400,
                     argc > 2 ? std::max(1, std::atoi(argv[2])) : 200);
}
