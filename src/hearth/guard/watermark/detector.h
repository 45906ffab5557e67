// The detector: does a text bear the mark of one of our sources? Needs the text alone, in the
// tokens of the model that may have written it. Under the null hypothesis (the text was written
// without the key) the numbers at its places are independent and uniform, whatever the text is, so
// that the p-values are exact and need no calibration:
//   race   the sum of -ln(1 - u) over n places is Gamma(n, 1)
//   green  the count of green tokens among n places is Binomial(n, 1/2)
// With two keys nobody can tell from the text which of them drew a token; so two sums more are
// tried:
//   draft  that of `race` under the key of guesses
//   both   the sum of the two, Gamma(2n, 1)
// All sources are tried under all of theirs; the least of m p-values is corrected to 1 - (1 - p)^m
// (Sidak), which holds for sums that grow together, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/guard/watermark/contexts.h"
#include "hearth/guard/watermark/keyring.h"

namespace hearth::watermark {

// Of the p-value at which a text is called watermarked: one unmarked text in a thousand.
inline constexpr double kLevelDefault = 1e-3;

enum class Scheme : uint8_t { race, green, draft, both };
inline constexpr size_t kSchemes = 4;
std::string_view scheme_name(Scheme scheme);
// Those that a source may have marked by.
std::span<const Scheme> schemes_of(const SourceKeys& keys);

struct Detection {
  double p_value = 1;         // of the best source, corrected for all that were tried
  int64_t tokens_scored = 0;  // places that bear a mark, were the text ours
  std::string source;         // the best one
  Scheme scheme = Scheme::race;
};

// `tokens`: of the text alone, without control tokens. `sources`: at least one, of one window.
Detection detect(std::span<const int32_t> tokens, std::span<const SourceKeys> sources);

// The places of a text that bear a mark, were it ours, and what keys make of them.
class ExaminedText {
 public:
  ExaminedText(std::span<const int32_t> tokens, int window);

  int64_t places() const { return static_cast<int64_t>(places_.size()); }
  // Of one source under one scheme, uncorrected; `draft` and `both`: of one with two keys.
  double p_value(const SourceKeys& keys, Scheme scheme) const;
  // The same under every scheme, by its number, each sum worked out once; 1: not one of the
  // source's.
  std::array<double, kSchemes> p_values(const SourceKeys& keys) const;

 private:
  struct Place {
    Context context;
    int32_t token;
  };
  double race_sum(const SipKey& key) const;
  int64_t greens(const SipKey& key) const;
  std::vector<Place> places_;
};

// P[Gamma(places, 1) >= sum]; 1 without a place.
double race_p_value(int64_t places, double sum);
// P[Binomial(places, 1/2) >= greens].
double green_p_value(int64_t places, int64_t greens);
// Of the least p-value among `tests` independent ones.
double sidak(double p_value, int64_t tests);

}  // namespace hearth::watermark
