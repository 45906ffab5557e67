// How like a translation is to a reference: chrF++ (Popovic 2017), BLEU (Papineni et al. 2002) and
// token F1. chrF++ and BLEU are sacreBLEU's, signatures
// nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no and nrefs:1|case:mixed|eff:no|tok:13a (or
// zh)|smooth:exp. Sums of counts over segments give the score of a corpus; all scores lie in [0,
// 1].
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hearth/eval/translation/words.h"

namespace hearth::translation {

struct NgramCounts {
  int64_t hypothesis = 0, reference = 0, matching = 0;
};

class ChrfCounts {
 public:
  static constexpr size_t kCharOrder = 6, kWordOrder = 2;

  ChrfCounts() = default;
  ChrfCounts(std::string_view hypothesis, std::string_view reference);
  void add(const ChrfCounts& other);
  double score() const;

 private:
  std::array<NgramCounts, kCharOrder + kWordOrder> counts_;
};

class BleuCounts {
 public:
  static constexpr size_t kOrder = 4;

  BleuCounts() = default;
  BleuCounts(std::string_view hypothesis, std::string_view reference, Tokenizer tokenizer);
  void add(const BleuCounts& other);
  double score() const;

 private:
  std::array<NgramCounts, kOrder> counts_;
  int64_t hypothesis_words_ = 0, reference_words_ = 0;
};

// The harmonic mean of the shares of each side's tokens that the other side has, too.
double token_f1(std::string_view hypothesis, std::string_view reference, Tokenizer tokenizer);

}  // namespace hearth::translation
