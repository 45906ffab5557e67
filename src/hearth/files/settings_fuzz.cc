// parse_settings on any text: no crash, a one-line error or settings whose lines lie in the text.
#include <algorithm>

#include "hearth/base/check.h"
#include "hearth/files/fuzz_tools.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/files/settings_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  const auto settings = parse_settings(text);
  if (!settings) {
    check_message(settings.status());
    return 0;
  }
  const int64_t lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const Setting& setting : *settings) {
    CHECK(setting.line >= 1 && setting.line <= lines);
    CHECK(setting.is_list || setting.values.size() == 1);
    for (const std::string& value : setting.values) CHECK(is_utf8(value));
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace hearth;
  static constexpr std::array<std::string_view, 32> kTokens = {"\n",          "a = 1\n",
                                                               "[serve]\n",   "[a.'b c']\n",
                                                               "[[a]]\n",     "x.y = true\n",
                                                               "= ",          "\"",
                                                               "\"\"\"",      "'",
                                                               "'''",         "[1, 2]",
                                                               "['a',\n]",    "{a = 1, b = 2}",
                                                               "#",           "\\u00e9",
                                                               "\\U0010FFFF", "\\x",
                                                               "0x2507",      "0b1",
                                                               "1_000",       "-9.5e-1",
                                                               "inf",         "nan",
                                                               "true",        "1979-05-27",
                                                               "\r\n",        "\r",
                                                               "\xFF",        "\t",
                                                               "[",           "{"};
  FuzzRandom random(seed);
  std::string text(text_of(data, size));
  for (uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
    text = mutate_text(std::move(text), random, kTokens);
  }
  return give(text, data, max_size);
}
