// Any line of instructions is read or refused; any reply is judged, whatever its bytes are.
#include <nlohmann/json.hpp>

#include "hearth/base/check.h"
#include "hearth/eval/instructions/instruction.h"
#include "hearth/eval/instructions/reply_text.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const size_t line = std::min(text.find('\n'), text.size());
  const std::string reply = instructions::cleaned(text.substr(line));
  CHECK(instructions::sentences(reply) <= static_cast<int64_t>(reply.size()));
  const auto parameters = parse_json(text.substr(0, line));
  if (!parameters) return 0;
  for (const std::string_view id : instructions::known_ids()) {
    if (const auto check = instructions::make_check(id, *parameters)) (*check)(reply);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 16> kPieces = {
      R"({"keywords":["a"]})",
      R"({"num_words":3,"relation":"at least"})",
      R"({"language":"en"})",
      R"({"num_highlights":1})",
      "\n",
      "***",
      "*a*",
      "<<t>>",
      "[x]",
      "- ",
      "P.S. ",
      "\"",
      "Dr. ",
      "1. ",
      "。",
      "\xE0\xA4"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  if (random.once_in(3)) return give(mutate_bytes(std::move(text), 16), data, max_size);
  text.insert(random.below(text.size() + 1), random.of(kPieces));
  return give(text, data, max_size);
}
