// What guessing brings and costs on this machine: tokens a second with guesses over those without,
// in one run, by the share of guesses that are right (an oracle that errs at this rate) and by the
// number of answers at once.
//   cmake --build build --target speculation && build/bench/speculation [SHAPE] [FORMAT] [PLOT.svg
//   [ANSWERS ...]]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "hearth/bench/line_chart.h"
#include "hearth/engine/engine.h"
#include "random_subject.h"

namespace hearth {
namespace {

using Texts = std::vector<std::vector<int32_t>>;  // prompt, then answer

class Oracle : public Drafter {
 public:
  Oracle(const Texts& texts, double right) : texts_(texts), right_(right) {}

  void draft(std::span<const int32_t> tokens, int64_t count,
             std::vector<int32_t>& drafts) override {
    drafts.clear();
    const auto known = std::ranges::find_if(texts_, [&](const std::vector<int32_t>& text) {
      return text.size() >= tokens.size() &&
             std::ranges::equal(tokens, std::span(text).first(tokens.size()));
    });
    if (known == texts_.end()) return;
    std::bernoulli_distribution right(right_);
    for (size_t i = tokens.size(); i < known->size() && count > 0; ++i, --count) {
      drafts.push_back(right(random_) ? (*known)[i] : (*known)[i] ^ 1);
    }
  }

 private:
  const Texts& texts_;
  double right_;
  std::mt19937 random_{5};
};

struct Run {
  double tokens_per_second = 0;
  DraftStats drafts;
  Texts texts;
};

constexpr int64_t kAnswer = 128;

// `answers` greedy answers to different prompts, told apart from their prefill.
Run run(const Model& model, Backend& backend, int64_t answers,
        std::function<std::unique_ptr<Drafter>()> make_drafter) {
  EngineOptions options;
  options.context = 512;
  options.kv_blocks = answers * Scheduler::blocks_for(512);
  options.make_drafter = std::move(make_drafter);
  Engine engine(model, backend, options, {});
  Run out;
  out.texts.resize(static_cast<size_t>(answers));
  size_t begun = 0;
  for (size_t i = 0; i < out.texts.size(); ++i) {
    TokenRequest request;
    std::mt19937 random(static_cast<uint32_t>(i));
    for (int k = 0; k < 32; ++k) request.prompt.push_back(static_cast<int32_t>(random() % 10000));
    request.max_tokens = kAnswer;
    request.sampling.temperature = 0;
    out.texts[i] = request.prompt;
    TokenSink sink;
    sink.on_token = [&out, &begun, i](int32_t id) {
      begun += out.texts[i].size() == 32 ? 1 : 0;
      out.texts[i].push_back(id);
      return true;
    };
    CHECK(engine.submit(std::move(request), std::move(sink)).has_value());
  }
  while (begun < out.texts.size()) engine.step();
  const auto count = [&] {
    size_t n = 0;
    for (const auto& text : out.texts) n += text.size();
    return n;
  };
  const size_t before = count();
  const auto start = std::chrono::steady_clock::now();
  while (!engine.idle()) engine.step();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  out.tokens_per_second = static_cast<double>(count() - before) / took.count();
  out.drafts = engine.draft_stats();
  return out;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Point {
  double right = 0;     // of the oracle's guesses
  double gain = 0;      // tokens a second over those without guesses
  double foretold = 0;  // the same, as far off as the engine's thoughts were when it chose
  double accepted = 0;  // tokens that were guessed, of all
};

Point compare(const Model& model, Backend& backend, int64_t answers, double right) {
  constexpr int kPairs = 3;
  std::vector<double> gains, foretold, accepted;
  DraftStats drafts;
  bool same = true;
  for (int i = 0; i < kPairs; ++i) {
    const Run plain = run(model, backend, answers, {});
    const Run guessed =
        run(model, backend, answers, [&] { return std::make_unique<Oracle>(plain.texts, right); });
    same = same && plain.texts == guessed.texts;
    drafts = guessed.drafts;
    gains.push_back(guessed.tokens_per_second / plain.tokens_per_second);
    foretold.push_back(gains.back() * drafts.expected_tokens / drafts.expected_seconds *
                       drafts.seconds / drafts.tokens);
    accepted.push_back(static_cast<double>(drafts.accepted) /
                       static_cast<double>(answers * kAnswer));
  }
  const Point out{right, median(gains), median(foretold), median(accepted)};
  fmt::print(
      "{:2} answers, {:3.0f} % of guesses right: {:.2f} x, foretold {:.2f} x  ({} checked, {} of "
      "these right; same tokens: {})\n",
      answers, 100 * right, out.gain, out.foretold, drafts.drafted, drafts.accepted,
      same ? "yes" : "NO");
  std::fflush(stdout);
  return out;
}

void write_plot(const char* path, const std::vector<std::pair<int64_t, std::vector<Point>>>& all) {
  LineChart gain{"Tokens a second", "guesses that are right, %", "over those without guesses", {}};
  LineChart accepted{"Tokens that were guessed", "guesses that are right, %", "% of all", {}};
  for (const auto& [answers, points] : all) {
    Series of_gain{fmt::format("{} at once", answers), {}};
    Series of_accepted = of_gain;
    for (const Point& p : points) {
      of_gain.points.emplace_back(100 * p.right, p.gain);
      of_accepted.points.emplace_back(100 * p.right, 100 * p.accepted);
    }
    gain.series.push_back(std::move(of_gain));
    accepted.series.push_back(std::move(of_accepted));
  }
  std::ofstream(path) << charts_svg({gain, accepted});
}

int run_all(const std::string& shape, const std::string& format_name, const char* plot,
            const std::vector<int64_t>& counts) {
  const auto subject = random_subject(shape, format_name);
  if (!subject) return 2;
  fmt::print("{} {}, tokens a second over those without guesses, medians of 3 pairs\n", shape,
             format_name);
  std::vector<std::pair<int64_t, std::vector<Point>>> all;
  for (const int64_t answers : counts) {
    all.emplace_back(answers, std::vector<Point>());
    for (const double right : {0.0, 0.3, 0.5, 0.7, 0.9, 1.0}) {
      all.back().second.push_back(
          compare(*subject->loaded.model, *subject->backend, answers, right));
    }
  }
  if (plot) write_plot(plot, all);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  std::vector<int64_t> counts;  // of answers at once
  for (int i = 4; i < argc; ++i) counts.push_back(std::atoll(argv[i]));
  if (counts.empty()) counts = {1, 4, 16};
  return hearth::run_all(argc > 1 ? argv[1] : "deepseek-r1-distill-qwen-1.5b",
                         argc > 2 ? argv[2] : "q4_k", argc > 3 ? argv[3] : nullptr, counts);
}
