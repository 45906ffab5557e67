// Any text as a GBNF grammar: it is refused in one line, or a walk through it stays within its
// bounds and every token that a mask allows is taken.
#include <array>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/grammar/fuzz_walk.h"
#include "hearth/text/grammar/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  auto grammar = grammar::parse_gbnf(text_of(data, size));
  grammar::walk_or_refusal(std::move(grammar), size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 20> kTokens = {"root ::= ",
                                                               "\n",
                                                               "a ::= ",
                                                               "a",
                                                               "b",
                                                               "\"x\"",
                                                               "(",
                                                               ")",
                                                               "|",
                                                               "*",
                                                               "+",
                                                               "?",
                                                               "{2,3}",
                                                               "{,9}",
                                                               "[a-z]",
                                                               "[^\"\\\\]",
                                                               ".",
                                                               " ",
                                                               "{0,2147483647}",
                                                               "\"\\u00e9\""};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (size < 2 || random.once_in(64)) {
    text =
        "root ::= \"[\" ws (a (\",\" ws a)*)? \"]\"\na ::= root | [0-9]{1,5} | b\nb ::= \"x\"+\nws "
        "::= \" \"?";
  }
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    if (random.once_in(3)) {
      text = mutate_bytes(std::move(text), 16);
    } else {
      text.insert(random.below(text.size() + 1), random.of(kTokens));
    }
  }
  return give(text, data, max_size);
}
