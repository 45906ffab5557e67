// Any bytes are a suite or are refused in one line; places in a prompt are filled or refused.
#include "hearth/eval/own/suite_file.h"

#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const Json item = {{"question", "q {{answer}}"}, {"answer", 42}};
  const auto suite = own::parse_suite(text);
  if (!suite) return 0;
  CHECK(!suite->prompt.empty() && suite->max_tokens > 0);
  for (const std::string* pattern : {&suite->prompt, &suite->answer, &suite->group}) {
    const auto done = own::filled(*pattern, item);
    if (done && pattern->find("{{") == pattern->npos) CHECK(*done == *pattern);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 16> kPieces = {"prompt: ",
                                                               "{{question}}",
                                                               "scorer: regex\n",
                                                               "answer: '{{answer}}'\n",
                                                               "max_tokens: 5\n",
                                                               "group: |\n",
                                                               "  text\n",
                                                               "&a ",
                                                               "*a",
                                                               "- ",
                                                               "[",
                                                               "{",
                                                               "? ",
                                                               "!!map ",
                                                               "\"",
                                                               "---\n"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (random.once_in(4)) return give(mutate_bytes(std::move(text), 16), data, max_size);
  text.insert(random.below(text.size() + 1), random.of(kPieces));
  return give(text, data, max_size);
}
