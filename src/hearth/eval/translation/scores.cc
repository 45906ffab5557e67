// See scores.h. Words become numbers first, so that n-grams of words and of characters are counted
// by one function.
#include "hearth/eval/translation/scores.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace hearth::translation {
namespace {

using Symbols = std::u32string;

// Numbers for words, the same for both sides.
class Numbering {
 public:
  Symbols of(const std::vector<std::u32string>& words) {
    Symbols out;
    for (const std::u32string& word : words) {
      out += numbers_.emplace(word, static_cast<char32_t>(numbers_.size())).first->second;
    }
    return out;
  }

 private:
  std::unordered_map<std::u32string, char32_t> numbers_;
};

NgramCounts count_ngrams(const Symbols& hypothesis, const Symbols& reference, size_t n) {
  const auto places = [n](const Symbols& text) {
    return text.size() < n ? int64_t{0} : static_cast<int64_t>(text.size() - n + 1);
  };
  NgramCounts counts{places(hypothesis), places(reference), 0};
  std::unordered_map<std::u32string_view, int64_t> left;  // of the reference's, not yet matched
  const auto ngram = [n](const Symbols& text, int64_t i) {
    return std::u32string_view(text).substr(static_cast<size_t>(i), n);
  };
  for (int64_t i = 0; i < counts.reference; ++i) ++left[ngram(reference, i)];
  for (int64_t i = 0; i < counts.hypothesis; ++i) {
    const auto found = left.find(ngram(hypothesis, i));
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    ++counts.matching;
  }
  return counts;
}

void add_counts(NgramCounts& sum, const NgramCounts& more) {
  sum.hypothesis += more.hypothesis;
  sum.reference += more.reference;
  sum.matching += more.matching;
}

bool is_ascii_punctuation(char32_t c) {
  return (0x21 <= c && c <= 0x2F) || (0x3A <= c && c <= 0x40) || (0x5B <= c && c <= 0x60) ||
         (0x7B <= c && c <= 0x7E);
}

// chrF's words: one mark of punctuation comes off a word, behind it or else before it.
std::vector<std::u32string> chrf_words(const std::vector<std::u32string>& words) {
  std::vector<std::u32string> out;
  for (const std::u32string& word : words) {
    const size_t size = word.size();
    if (size > 1 && is_ascii_punctuation(word.back())) {
      out.push_back(word.substr(0, size - 1));
      out.push_back(word.substr(size - 1));
    } else if (size > 1 && is_ascii_punctuation(word.front())) {
      out.push_back(word.substr(0, 1));
      out.push_back(word.substr(1));
    } else {
      out.push_back(word);
    }
  }
  return out;
}

Symbols joined(const std::vector<std::u32string>& words) {
  Symbols out;
  for (const std::u32string& word : words) out += word;
  return out;
}

double share(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ChrfCounts::ChrfCounts(std::string_view hypothesis, std::string_view reference) {
  const auto hypothesis_words = split(code_points(hypothesis));
  const auto reference_words = split(code_points(reference));
  const Symbols h = joined(hypothesis_words), r = joined(reference_words);
  for (size_t n = 1; n <= kCharOrder; ++n) counts_[n - 1] = count_ngrams(h, r, n);
  Numbering numbering;
  const Symbols hw = numbering.of(chrf_words(hypothesis_words));
  const Symbols rw = numbering.of(chrf_words(reference_words));
  for (size_t n = 1; n <= kWordOrder; ++n) {
    counts_[kCharOrder + n - 1] = count_ngrams(hw, rw, n);
  }
  // An order that the reference has none of doesn't count against the hypothesis.
  for (NgramCounts& counts : counts_) {
    if (counts.reference == 0) counts.hypothesis = 0;
  }
}

void ChrfCounts::add(const ChrfCounts& other) {
  for (size_t i = 0; i < counts_.size(); ++i) add_counts(counts_[i], other.counts_[i]);
}

double ChrfCounts::score() const {
  constexpr double kBetaSquared = 4;  // recall weighs twice as much as precision
  double precision = 0, recall = 0;
  int orders = 0;
  for (const NgramCounts& counts : counts_) {
    if (counts.hypothesis == 0 || counts.reference == 0) continue;
    precision += share(counts.matching, counts.hypothesis);
    recall += share(counts.matching, counts.reference);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

BleuCounts::BleuCounts(std::string_view hypothesis, std::string_view reference,
                       Tokenizer tokenizer) {
  Numbering numbering;
  const Symbols h = numbering.of(tokenize(hypothesis, tokenizer));
  const Symbols r = numbering.of(tokenize(reference, tokenizer));
  for (size_t n = 1; n <= kOrder; ++n) counts_[n - 1] = count_ngrams(h, r, n);
  hypothesis_words_ = std::ssize(h);
  reference_words_ = std::ssize(r);
}

void BleuCounts::add(const BleuCounts& other) {
  for (size_t i = 0; i < counts_.size(); ++i) add_counts(counts_[i], other.counts_[i]);
  hypothesis_words_ += other.hypothesis_words_;
  reference_words_ += other.reference_words_;
}

double BleuCounts::score() const {
  const bool any = std::any_of(counts_.begin(), counts_.end(),
                               [](const NgramCounts& counts) { return counts.matching > 0; });
  if (!any) return 0;
  double logarithms = 0;
  double smoothing = 1;  // an order without a match counts half a match, the next a quarter
  for (const NgramCounts& counts : counts_) {
    if (counts.hypothesis == 0) return 0;
    if (counts.matching == 0) smoothing *= 2;
    logarithms += counts.matching > 0
                      ? std::log(share(counts.matching, counts.hypothesis))
                      : -std::log(smoothing * static_cast<double>(counts.hypothesis));
  }
  const double brevity = hypothesis_words_ < reference_words_
                             ? std::exp(1 - share(reference_words_, hypothesis_words_))
                             : 1;
  return brevity * std::exp(logarithms / static_cast<double>(kOrder));
}

double token_f1(std::string_view hypothesis, std::string_view reference, Tokenizer tokenizer) {
  Numbering numbering;
  const Symbols h = numbering.of(tokenize(hypothesis, tokenizer));
  const Symbols r = numbering.of(tokenize(reference, tokenizer));
  const NgramCounts counts = count_ngrams(h, r, 1);
  if (counts.hypothesis + counts.reference == 0) return 1;
  return 2 * share(counts.matching, counts.hypothesis + counts.reference);
}

}  // namespace hearth::translation
