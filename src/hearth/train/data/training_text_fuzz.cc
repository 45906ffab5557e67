// parse_training_lines on any text: what is accepted is complete, what is refused is said in UTF-8.
#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/train/data/training_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const auto texts = train::parse_training_lines(text_of(data, size));
  if (!texts) {
    check_message(texts.status());
    return 0;
  }
  int64_t line = 0;
  for (const train::TrainingText& text : *texts) {
    CHECK_GT(text.line, line);
    line = text.line;
    CHECK(text.messages.is_array() == text.text.empty());
    if (text.messages.is_array()) CHECK(text.messages.back()["role"] == "assistant");
  }
  return 0;
}

namespace hearth {
namespace {

std::string random_lines(FuzzRandom& random) {
  static constexpr std::array<std::string_view, 8> kLines = {
      R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})",
      R"({"messages":[{"role":"assistant","content":"","reasoning_content":"c"}]})",
      R"({"messages":[]})",
      R"({"prompt":"a","completion":"b"})",
      R"({"prompt":"a"})",
      R"({"text":"a"})",
      R"([])",
      ""};
  std::string text;
  for (uint64_t lines = random.below(5); lines > 0; --lines) {
    text += random.of(kLines);
    text += random.once_in(8) ? "\r\n" : "\n";
  }
  return text;
}

}  // namespace
}  // namespace hearth

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  FuzzRandom random(seed);
  std::string text =
      size < 2 || random.once_in(4) ? random_lines(random) : std::string(text_of(data, size));
  for (uint64_t edits = random.below(3); edits > 0; --edits) {
    text = mutate_json(std::move(text), random);
  }
  return give(text, data, max_size);
}
