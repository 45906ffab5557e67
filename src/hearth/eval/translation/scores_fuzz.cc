// Scores of any two texts: within their bounds, whole where both are the same.
#include <cmath>

#include "hearth/base/check.h"
#include "hearth/eval/translation/scores.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  using namespace hearth::translation;
  const std::string_view text = text_of(data, size);
  const size_t cut = std::min(text.find('|'), text.size());
  const std::string_view first = text.substr(0, cut);
  const std::string_view second = text.substr(std::min(cut + 1, text.size()));
  const auto bounded = [](double score) { CHECK(0 <= score && score <= 1 + 1e-12); };
  bounded(ChrfCounts(first, second).score());
  for (const Tokenizer tokenizer : {Tokenizer::mteval13a, Tokenizer::zh, Tokenizer::syllables}) {
    bounded(BleuCounts(first, second, tokenizer).score());
    bounded(token_f1(first, second, tokenizer));
    CHECK(token_f1(first, first, tokenizer) == 1);
    if (tokenizer != Tokenizer::syllables) continue;
    size_t points = 0;  // nothing but white space is lost
    for (const std::u32string& word : tokenize(first, tokenizer)) points += word.size();
    size_t kept = 0;
    for (const std::u32string& word : split(code_points(first))) kept += word.size();
    CHECK(points == kept);
  }
  return 0;
}
