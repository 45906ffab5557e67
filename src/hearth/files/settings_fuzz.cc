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
