// extract_answer on any reply: what it finds is a piece of the reply, its digits written in ASCII,
// and not empty; a box found once is found again when it is boxed again.
#include "hearth/base/check.h"
#include "hearth/eval/math/digits.h"
#include "hearth/eval/math/extract.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view reply = text_of(data, size);
  const auto found = math::extract_answer(reply);
  if (!found) return 0;
  CHECK(!found->text.empty());
  if (found->place == math::AnswerPlace::boxed) {
    CHECK(math::ascii_digits(reply).find(found->text) != std::string::npos);
    if (found->text.find_first_of("\\{}") == found->text.npos) {
      CHECK(math::last_boxed("\\boxed{" + found->text + "}") == found->text);
    }
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 17> kPieces = {
      "\\boxed{",   "}",    "\\fbox{", "{",   "#### ", "the answer is ",
      "答案是",     "故选", "$",       "\\(", "\n",    "1,234.5",
      "\\boxed 7$", "−12",  "٣٫٥",     "৭",   "１．５"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (random.once_in(4)) return give(mutate_bytes(std::move(text), 16), data, max_size);
  text.insert(random.below(text.size() + 1), random.of(kPieces));
  return give(text, data, max_size);
}
