// See arithmetic.h. Right means: the last number of the answer, thought excluded, is the result.
#include "hearth/eval/arithmetic.h"

#include <nlohmann/json.hpp>

#include "hearth/eval/jsonl.h"

namespace hearth {
namespace {

constexpr int64_t kReplyTokensMax = 512;

Result<EvalItem> item_from(const Json& line) {
  EvalItem item;
  TRY_ASSIGN(item.id, json_string(line, "id"));
  TRY_ASSIGN(item.group, json_string(line, "task"));
  TRY_ASSIGN(const std::string len, json_string(line, "len"));
  TRY_ASSIGN(item.prompt, json_string(line, "prompt"));
  TRY_ASSIGN(item.answer, json_string(line, "answer"));
  item.detail = item.group + " " + len;
  return item;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_right(const EvalItem& item, std::string_view reply) {
  return last_number(reply) == item.answer;
}

}  // namespace

std::optional<std::string> last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1])) --end;
  if (end == 0) return std::nullopt;
  std::string reversed;
  size_t at = end;
  // A comma belongs to the number only between digits: "1,234" but not "7, 8".
  while (at > 0 &&
         (is_digit(text[at - 1]) || (text[at - 1] == ',' && at > 1 && is_digit(text[at - 2])))) {
    if (text[at - 1] != ',') reversed += text[at - 1];
    --at;
  }
  constexpr std::string_view kMinusSign = "−";  // U+2212
  const std::string_view before = text.substr(0, at);
  // "12-5": the dash is an operator when a digit stands before it.
  const bool hyphen = before.ends_with('-') && !(at > 1 && is_digit(text[at - 2]));
  if (hyphen || before.ends_with(kMinusSign)) reversed += '-';
  return std::string(reversed.rbegin(), reversed.rend());
}

const Suite& arithmetic_suite() {
  static constexpr Suite kSuite = {
      "arithmetic",
      "sums and differences up to 5 digits, products up to 3x3, held out from the bundled model",
      kReplyTokensMax,
      "add.jsonl,sub.jsonl,mul.jsonl",
      [](const std::string& path) { return read_items(path, item_from); },
      is_right};
  return kSuite;
}

}  // namespace hearth
