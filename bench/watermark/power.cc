// What the watermark's detector finds: texts from synthetic distributions of stated entropy, marked
// and tested, and the same after edits, paraphrase and translation. No model. Columns: tokens
// written; figures: % of the texts that are found at p <= 1e-2 / 1e-3 / 1e-5.
//   cmake --build build --target watermark_power && build/bench/watermark_power [TEXTS [TABLE
//   [ROW]]]
// TABLE, ROW: words of the title of the only table that is wanted, and of its rows.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/guard/watermark/detector.h"
#include "hearth/guard/watermark/policy.h"
#include "hearth/guard/watermark/testing.h"

namespace hearth::watermark {
namespace {

using namespace watermark::test;

int texts = 1000;  // for each figure
std::string_view wanted, wanted_row;
constexpr std::array<size_t, 6> kLengths = {50, 100, 200, 400, 800, 1600};

using Tokens = std::vector<int32_t>;
using Change = std::function<Tokens(Writer&, Tokens)>;

const Change kAsWritten = [](Writer&, Tokens text) { return text; };

std::vector<double> p_values(const std::vector<Choice>& choices, size_t places,
                             const Change& change, int window = kWindowDefault) {
  Writer writer(9);
  std::vector<double> out;
  for (int t = 0; t < texts; ++t) {
    SourceKeys keys = some_keys(1, static_cast<uint64_t>(t))[0];
    keys.window = window;
    const Tokens text =
        change(writer, writer.write(choices, places + static_cast<size_t>(window), &keys));
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

// Tables as the docs show them; false: this one is not wanted.
bool head(const char* title) {
  if (std::string_view(title).find(wanted) == std::string_view::npos) return false;
  fmt::print("\n| {} |", title);
  for (const size_t length : kLengths) fmt::print(" {} |", length);
  fmt::print("\n|---|");
  for (size_t i = 0; i < kLengths.size(); ++i) fmt::print("---|");
  fmt::print("\n");
  return true;
}

template <typename PValues>
void row(const std::string& name, const PValues& p_values_of) {
  if (name.find(wanted_row) == std::string::npos) return;
  fmt::print("| {} |", name);
  for (const size_t length : kLengths) {
    const std::vector<double> p = p_values_of(length);
    fmt::print(" {:.1f} / {:.1f} / {:.1f} |", share_below(p, 1e-2), share_below(p, 1e-3),
               share_below(p, 1e-5));
  }
  fmt::print("\n");
}

void drawn() {
  if (!head("nats a token, drawn at a temperature")) return;
  for (const double nats : {0.1, 0.25, 0.5, 1.0, 2.0}) {
    row(fmt::format("{:.2f} at each place", nats),
        [&](size_t n) { return p_values(even(nats), n, kAsWritten); });
    row(fmt::format("{:.2f} on average, most places 0", nats),
        [&](size_t n) { return p_values(uneven(nats), n, kAsWritten); });
  }
}

void two_keys() {
  if (!head("nats a token, two keys, corrected for three sums")) return;
  for (const double nats : {0.25, 0.5, 1.0}) {
    for (const double wrong : {0.1, 0.3, 0.6}) {
      row(fmt::format("{:.2f} at each place, {:.0f} % of guesses wrong", nats, 100 * wrong),
          [&](size_t n) { return guessed_p_values(even(nats), n, wrong); });
    }
  }
}

void greedy() {
  if (!head("nats a token, greedy with green tokens preferred")) return;
  for (const double nats : {0.25, 0.5, 1.0}) {
    row(fmt::format("{:.2f} at each place", nats),
        [&](size_t n) { return greedy_p_values(even(nats), n); });
    row(fmt::format("{:.2f} on average, most places 0", nats),
        [&](size_t n) { return greedy_p_values(uneven(nats), n); });
  }
}

void edits() {
  if (!head("edits, at 1 nat a token")) return;
  for (const int window : {4, 2}) {
    for (const double share : {0.05, 0.1, 0.2, 0.3, 0.5}) {
      const Change edit = [&](Writer& w, const Tokens& text) { return w.edit(text, share); };
      row(fmt::format("{:.0f} % of tokens, window {}", 100 * share, window),
          [&](size_t n) { return p_values(even(1), n, edit, window); });
    }
  }
}

// The share of places that keep their mark, over texts of the longest length.
double kept_by(const Change& change, int window) {
  Writer writer(10);
  double sum = 0;
  constexpr int kTexts = 20;
  for (int t = 0; t < kTexts; ++t) {
    const Tokens text = writer.write(even(1), kLengths.back(), nullptr);
    sum += kept_places(text, change(writer, text), static_cast<size_t>(window));
  }
  return sum / kTexts;
}

void row_of_change(const std::string& name, const Change& change) {
  for (const int window : {4, 2}) {
    row(fmt::format("{}, window {}: {:.0f} % kept", name, window, 100 * kept_by(change, window)),
        [&](size_t n) { return p_values(even(1), n, change, window); });
  }
}

void retold() {
  if (!head("paraphrase and translation, at 1 nat a token")) return;
  struct Telling {
    double phrase, other;
  };
  for (const Telling t : {Telling{12, 0}, Telling{12, 0.1}, Telling{8, 0.1}, Telling{8, 0.2},
                          Telling{5, 0.2}, Telling{5, 0.3}, Telling{3, 0.3}}) {
    row_of_change(fmt::format("phrases of {:.0f}, {:.0f} % other words", t.phrase, 100 * t.other),
                  [&](Writer& w, const Tokens& x) { return w.paraphrase(x, t.phrase, t.other); });
  }
  row_of_change("each word by a dictionary",
                [](Writer&, Tokens text) { return translate(std::move(text)); });
}

}  // namespace
}  // namespace hearth::watermark

int main(int argc, char** argv) {
  using namespace hearth::watermark;
  if (argc > 1) texts = std::max(1, std::atoi(argv[1]));
  if (argc > 2) wanted = argv[2];
  if (argc > 3) wanted_row = argv[3];
  for (const auto table : {drawn, two_keys, greedy, edits, retold}) table();
  return 0;
}
