// Any text as a regular expression, whole and searching: refused in one line, or walked.
#include <array>

#include "hearth/files/fuzz_tools.h"
#include "hearth/text/grammar/fuzz_walk.h"
#include "hearth/text/grammar/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  for (const grammar::Anchoring anchoring :
       {grammar::Anchoring::whole, grammar::Anchoring::search}) {
    grammar::Grammar made;
    const auto body = grammar::parse_regex(text_of(data, size), anchoring, made);
    if (!body) {
      check_message(body.status());
      continue;
    }
    made.root = made.declare("regex");
    made.define(made.root, *body);
    grammar::walk_or_refusal(std::move(made), size);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 22> kTokens = {"(",        ")",
                                                               "(?:",      "|",
                                                               "*",        "+",
                                                               "?",        "{2,3}",
                                                               "{4}",      "{1,}",
                                                               "^",        "$",
                                                               ".",        "\\d",
                                                               "\\w",      "[^a-c]",
                                                               "[\\s\\S]", "\\u00e9",
                                                               "\\x41",    "é",
                                                               "(?<n>",    "{0,2147483647}"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (size < 2 || random.once_in(64)) text = "^(?:[a-z]+\\.){1,3}(com|org)[^\\d]*?x{2}$|b";
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    if (random.once_in(3)) {
      text = mutate_bytes(std::move(text), 16);
    } else {
      text.insert(random.below(text.size() + 1), random.of(kTokens));
    }
  }
  return give(text, data, max_size);
}
