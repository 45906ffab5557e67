// equivalent on any two texts, cut at the first line: it ends, agrees with itself the other way
// round, and a text that can be parsed is its own equal. The last is asked with a \displaystyle
// before it: texts of equal letters are equal unread.
#include "hearth/base/check.h"
#include "hearth/eval/math/answer.h"
#include "hearth/eval/math/equivalence.h"
#include "hearth/files/fuzz_tools.h"

namespace {

constexpr size_t kBytesMax = 1'000;  // below every bound of work

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view both = text_of(data, size);
  const size_t cut = std::min(both.find('\n'), both.size());
  const std::string_view left = both.substr(0, cut);
  const std::string_view right = both.substr(std::min(cut + 1, both.size()));
  CHECK(math::equivalent(left, right) == math::equivalent(right, left));
  if (left.size() <= kBytesMax && math::parse_answer(left, {true, true})) {
    CHECK(math::equivalent("\\displaystyle " + std::string(left), left));
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 40> kPieces = {"\\frac",
                                                               "{",
                                                               "}",
                                                               "12",
                                                               "3.5",
                                                               "x",
                                                               "\\sqrt",
                                                               "^",
                                                               "_",
                                                               "(",
                                                               ")",
                                                               "[",
                                                               "]",
                                                               "\\{",
                                                               "\\}",
                                                               ",",
                                                               "+",
                                                               "-",
                                                               "\\pm ",
                                                               "*",
                                                               "/",
                                                               "\\pi ",
                                                               "\\sin ",
                                                               "|",
                                                               "!",
                                                               "%",
                                                               "^\\circ",
                                                               "\n",
                                                               "\\begin{pmatrix}",
                                                               "\\end{pmatrix}",
                                                               "&",
                                                               "\\\\",
                                                               "\\cup ",
                                                               "\\infty ",
                                                               "<",
                                                               "=",
                                                               "\\text{cm}",
                                                               "\\log_",
                                                               "\\overline{3}",
                                                               "i"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (random.once_in(4)) return give(mutate_bytes(std::move(text), 16), data, max_size);
  for (uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
    text.insert(random.below(text.size() + 1), random.of(kPieces));
  }
  return give(text, data, max_size);
}
