// Any bytes are a table or are refused; a table that is written again is read the same. Letters are
// found in any text.
#include "hearth/eval/csv.h"

#include "hearth/base/check.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/files/fuzz_tools.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  const std::string_view text = text_of(data, size);
  if (const auto letter = chosen_letter(text, 4)) CHECK('A' <= *letter && *letter <= 'D');
  const auto rows = parse_csv(text);
  if (!rows) return 0;
  std::string written;
  for (const CsvRow& row : *rows) {
    CHECK(!row.empty());
    for (size_t i = 0; i < row.size(); ++i) {
      written += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) written += c == '"' ? "\"\"" : std::string(1, c);
      written += '"';
    }
    written += '\n';
  }
  const auto again = parse_csv(written);
  CHECK(again.has_value() && *again == *rows);
  return 0;
}
