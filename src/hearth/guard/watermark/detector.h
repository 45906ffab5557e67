// The detector: does a text bear the mark of one of our sources? Needs the text alone, in the
// tokens of the model that may have written it. Under the null hypothesis (the text was written
// without the key) the numbers at its places are independent and uniform, whatever the text is, so
// that the p-values are exact and need no calibration:
//   race   the sum of -ln(1 - u) over n places is Gamma(n, 1)
//   green  the count of green tokens among n places is Binomial(n, 1/2)
// All sources are tried under both; the least of m p-values is corrected to 1 - (1 - p)^m (Sidak).
#pragma once

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

enum class Scheme : uint8_t { race, green };
std::string_view scheme_name(Scheme scheme);

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
  // Of one source under one scheme, uncorrected.
  double p_value(const SourceKeys& keys, Scheme scheme) const;

 private:
  struct Place {
    Context context;
    int32_t token;
  };
  std::vector<Place> places_;
};

// P[Gamma(places, 1) >= sum]; 1 without a place.
double race_p_value(int64_t places, double sum);
// P[Binomial(places, 1/2) >= greens].
double green_p_value(int64_t places, int64_t greens);
// Of the least p-value among `tests` independent ones.
double sidak(double p_value, int64_t tests);

}  // namespace hearth::watermark
