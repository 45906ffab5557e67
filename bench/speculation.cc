// What guessing brings and costs on this machine: tokens a second with guesses over those without,
// in one run, by the share of guesses that are right (an oracle that errs at this rate) and by the
// number of answers at once.
//   cmake --build build --target speculation && build/bench/speculation [SHAPE] [FORMAT] [PLOT.svg
//   [ANSWERS ...]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine_race.h"
#include "hearth/bench/line_chart.h"
#include "random_subject.h"

namespace hearth {
namespace {

constexpr int kRaces = 3;

class Oracle : public Drafter {
 public:
  Oracle(const Racer::Texts& texts, double right) : texts_(texts), right_(right) {}

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
  const Racer::Texts& texts_;
  double right_;
  std::mt19937 random_{5};
};

constexpr int64_t kPrompt = 32, kAnswer = 128;

// Greedy answers to different prompts.
std::unique_ptr<Racer> answering(const RandomSubject& subject, int64_t answers,
                                 std::function<std::unique_ptr<Drafter>()> make_drafter) {
  EngineOptions options;
  options.make_drafter = std::move(make_drafter);
  std::vector<TokenRequest> requests(static_cast<size_t>(answers));
  for (size_t i = 0; i < requests.size(); ++i) {
    std::mt19937 random(static_cast<uint32_t>(i));
    for (int64_t k = 0; k < kPrompt; ++k) {
      requests[i].prompt.push_back(static_cast<int32_t>(random() % 10000));
    }
    requests[i].max_tokens = kAnswer;
    requests[i].sampling.temperature = 0;
  }
  return std::make_unique<Racer>(*subject.loaded.model, *subject.backend, options, 512,
                                 std::move(requests));
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

Point compare(const RandomSubject& subject, int64_t answers, double right) {
  const auto alone = answering(subject, answers, {});
  while (!alone->done()) alone->run(1);
  const auto oracle = [&] { return std::make_unique<Oracle>(alone->texts(), right); };
  std::vector<double> gains, foretold, accepted;
  DraftStats drafts;
  bool same = true;
  for (int i = 0; i < kRaces; ++i) {
    const auto plain = answering(subject, answers, {});
    const auto guessed = answering(subject, answers, oracle);
    race(*plain, *guessed);
    same = same && plain->texts() == guessed->texts() && plain->texts() == alone->texts();
    drafts = guessed->drafts();
    gains.push_back(guessed->tokens_per_second() / plain->tokens_per_second());
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
  fmt::print("{} {}, tokens a second over those without guesses, medians of {} races\n", shape,
             format_name, kRaces);
  std::vector<std::pair<int64_t, std::vector<Point>>> all;
  for (const int64_t answers : counts) {
    all.emplace_back(answers, std::vector<Point>());
    for (const double right : {0.0, 0.3, 0.5, 0.7, 0.9, 1.0}) {
      all.back().second.push_back(compare(*subject, answers, right));
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
