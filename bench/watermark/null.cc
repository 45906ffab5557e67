// How often the watermark's detector is wrong: people's texts, cut into passages of 200 tokens of
// MODEL, each under KEYS keys, none of which wrote it. Prints how many of the pairs fall below each
// level, beside the middle 99 % of what is promised; for counts of green tokens, of the next step
// below.
//   build/bench/watermark_null MODEL PASSAGES KEYS FILE...
#include <fmt/format.h>

#include <array>
#include <boost/math/distributions/binomial.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/engine/text_model.h"
#include "hearth/guard/watermark/detector.h"
#include "hearth/guard/watermark/testing.h"

namespace hearth::watermark {
namespace {

constexpr size_t kTokens = 200;
constexpr std::array<double, 4> kLevels = {1e-2, 1e-3, 1e-4, 1e-5};
constexpr std::array<Scheme, kSchemes> kOrder = {Scheme::race, Scheme::green, Scheme::draft,
                                                 Scheme::both};

// By scheme and level.
using Counts = std::array<std::array<int64_t, kLevels.size()>, kSchemes>;

std::vector<std::vector<int32_t>> passages_of(const Tokenizer& tokenizer, char** files, int count,
                                              size_t passages_max) {
  std::vector<std::vector<int32_t>> out;
  for (int i = 0; i < count; ++i) {
    const auto text = read_file(files[i], int64_t{1} << 30);
    if (!text) {
      fmt::print(stderr, "{}\n", text.status().message());
      continue;
    }
    const std::vector<int32_t> ids = tokenizer.encode(*text);
    for (size_t at = 0; at + kTokens <= ids.size() && out.size() < passages_max; at += kTokens) {
      const auto first = ids.begin() + static_cast<std::ptrdiff_t>(at);
      out.emplace_back(first, first + kTokens);
    }
  }
  return out;
}

Counts count(const std::vector<std::vector<int32_t>>& passages, std::span<const SourceKeys> keys) {
  Counts counts{};
  for (const std::vector<int32_t>& passage : passages) {
    const ExaminedText text(passage, kWindowDefault);
    for (const SourceKeys& k : keys) {
      const std::array<double, kSchemes> p = text.p_values(k);
      for (size_t s = 0; s < kSchemes; ++s) {
        for (size_t l = 0; l < kLevels.size(); ++l) counts[s][l] += p[s] <= kLevels[l] ? 1 : 0;
      }
    }
  }
  return counts;
}

// Counts come in steps: the largest chance that is at most `level`, over the passages.
double attained(const std::vector<std::vector<int32_t>>& passages, double level) {
  double sum = 0;
  for (const std::vector<int32_t>& passage : passages) {
    const int64_t n = ExaminedText(passage, kWindowDefault).places();
    int64_t greens = n / 2;
    while (greens <= n && green_p_value(n, greens) > level) ++greens;
    sum += greens <= n ? green_p_value(n, greens) : 0;
  }
  return sum / static_cast<double>(passages.size());
}

void print(const Counts& counts, const std::vector<std::vector<int32_t>>& passages, double pairs) {
  for (const Scheme scheme : kOrder) {
    const auto& below = counts[static_cast<size_t>(scheme)];
    for (size_t l = 0; l < kLevels.size(); ++l) {
      const bool steps = scheme == Scheme::green;
      const boost::math::binomial_distribution<double> law(
          pairs, steps ? attained(passages, kLevels[l]) : kLevels[l]);
      fmt::print("{:<6} p <= {:.0e}: {:>8} of {:.0f}, rate {:.3g}, band {:.0f} to {:.0f}\n",
                 scheme_name(scheme), kLevels[l], below[l], pairs,
                 static_cast<double>(below[l]) / pairs, quantile(law, 0.005),
                 quantile(complement(law, 0.005)));
    }
  }
}

using test::some_keys;

int run(int argc, char** argv) {
  const auto checkpoint = Checkpoint::open(argv[1]);
  const Result<Tokenizer> tokenizer =
      checkpoint ? load_tokenizer(*checkpoint) : Result<Tokenizer>(checkpoint.status());
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.status().message());
    return 2;
  }
  const auto wanted = static_cast<size_t>(std::atoll(argv[2]));
  const auto passages = passages_of(*tokenizer, argv + 4, argc - 4, wanted);
  const auto keys = some_keys(static_cast<size_t>(std::atoll(argv[3])), 2026, true);
  fmt::print("{} passages, {} keys\n", passages.size(), keys.size());
  print(count(passages, keys), passages, static_cast<double>(passages.size() * keys.size()));
  return 0;
}

}  // namespace
}  // namespace hearth::watermark

int main(int argc, char** argv) {
  if (argc >= 5) return hearth::watermark::run(argc, argv);
  fmt::print(stderr, "usage: watermark_null MODEL PASSAGES KEYS FILE...\n");
  return 2;
}
