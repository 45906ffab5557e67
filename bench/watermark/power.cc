// What the watermark's detector finds: texts from synthetic distributions of stated entropy, marked
// and tested, and the same after edits. No model. Columns: tokens scored; figures: % of the texts
// that are found at p <= 1e-2 / 1e-3 / 1e-5.
//   cmake --build build --target watermark_power && build/bench/watermark_power [TEXTS]
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "hearth/guard/watermark/detector.h"
#include "hearth/guard/watermark/policy.h"
#include "hearth/guard/watermark/testing.h"

namespace hearth::watermark {
namespace {

using namespace watermark::test;

int texts = 1000;  // for each figure
constexpr std::array<size_t, 6> kLengths = {50, 100, 200, 400, 800, 1600};

std::vector<double> p_values(const std::vector<Choice>& choices, size_t places, double edits,
                             int window) {
  Writer writer(9);
  std::vector<double> out;
  for (int t = 0; t < texts; ++t) {
    SourceKeys keys = some_keys(1, static_cast<uint64_t>(t))[0];
    keys.window = window;
    std::vector<int32_t> text = writer.write(choices, places + static_cast<size_t>(window), &keys);
    if (edits > 0) text = writer.edit(text, edits);
    out.push_back(ExaminedText(text, window).p_value(keys, Scheme::race));
  }
  return out;
}

// Two keys: three places of four have a guess, of a network that is wrong at this share of them.
std::vector<double> guessed_p_values(const std::vector<Choice>& choices, size_t places,
                                     double wrong) {
  Writer writer(9);
  std::vector<double> out;
  for (int t = 0; t < texts; ++t) {
    const std::vector<SourceKeys> keys = some_keys(1, static_cast<uint64_t>(t), true);
    const std::vector<int32_t> text =
        writer.write_guessed(choices, places + kWindowDefault, keys[0], 0.75, wrong);
    const ExaminedText examined(text, kWindowDefault);
    double least = 1;
    for (const Scheme s : {Scheme::race, Scheme::draft, Scheme::both}) {
      least = std::min(least, examined.p_value(keys[0], s));
    }
    out.push_back(sidak(least, 3));
  }
  return out;
}

// Greedy: the likeliest token after the bias, of log probabilities.
std::vector<double> greedy_p_values(const std::vector<Choice>& choices, size_t places) {
  Writer writer(9);
  std::vector<double> out;
  for (int t = 0; t < texts; ++t) {
    const SourceKeys keys = some_keys(1, static_cast<uint64_t>(t))[0];
    const std::vector<int32_t> text =
        writer.write_greedily(choices, places + kWindowDefault, keys, Policy::kGreenBias);
    out.push_back(ExaminedText(text, keys.window).p_value(keys, Scheme::green));
  }
  return out;
}

double share_below(const std::vector<double>& p_values, double level) {
  double found = 0;
  for (const double p : p_values) found += p <= level ? 1 : 0;
  return 100 * found / static_cast<double>(p_values.size());
}

// Tables as the docs show them.
void head(const char* title) {
  fmt::print("\n| {} |", title);
  for (const size_t length : kLengths) fmt::print(" {} |", length);
  fmt::print("\n|---|");
  for (size_t i = 0; i < kLengths.size(); ++i) fmt::print("---|");
  fmt::print("\n");
}

template <typename PValues>
void row(const std::string& name, const PValues& p_values_of) {
  fmt::print("| {} |", name);
  for (const size_t length : kLengths) {
    const std::vector<double> p = p_values_of(length);
    fmt::print(" {:.1f} / {:.1f} / {:.1f} |", share_below(p, 1e-2), share_below(p, 1e-3),
               share_below(p, 1e-5));
  }
  fmt::print("\n");
}

}  // namespace
}  // namespace hearth::watermark

int main(int argc, char** argv) {
  using namespace hearth::watermark;
  if (argc > 1) texts = std::max(1, std::atoi(argv[1]));
  head("nats a token, drawn at a temperature");
  for (const double nats : {0.1, 0.25, 0.5, 1.0, 2.0}) {
    row(fmt::format("{:.2f} at each place", nats),
        [&](size_t n) { return p_values(even(nats), n, 0, kWindowDefault); });
    row(fmt::format("{:.2f} on average, most places 0", nats),
        [&](size_t n) { return p_values(uneven(nats), n, 0, kWindowDefault); });
  }
  head("nats a token, two keys, corrected for three sums");
  for (const double nats : {0.25, 0.5, 1.0}) {
    for (const double wrong : {0.1, 0.3, 0.6}) {
      row(fmt::format("{:.2f} at each place, {:.0f} % of guesses wrong", nats, 100 * wrong),
          [&](size_t n) { return guessed_p_values(even(nats), n, wrong); });
    }
  }
  head("nats a token, greedy with green tokens preferred");
  for (const double nats : {0.25, 0.5, 1.0}) {
    row(fmt::format("{:.2f} at each place", nats),
        [&](size_t n) { return greedy_p_values(even(nats), n); });
    row(fmt::format("{:.2f} on average, most places 0", nats),
        [&](size_t n) { return greedy_p_values(uneven(nats), n); });
  }
  head("edits, at 1 nat a token");
  for (const int window : {4, 2}) {
    for (const double edits : {0.05, 0.1, 0.2, 0.3, 0.5}) {
      row(fmt::format("{:.0f} % of tokens, window {}", 100 * edits, window),
          [&](size_t n) { return p_values(even(1), n, edits, window); });
    }
  }
  return 0;
}
