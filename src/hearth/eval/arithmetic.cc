// See arithmetic.h. Right means: the last number of the answer, thought excluded, is the result.
#include "hearth/eval/arithmetic.h"

#include <nlohmann/json.hpp>

#include "hearth/eval/jsonl.h"
#include "hearth/eval/math/extract.h"

namespace hearth {
namespace {

constexpr int64_t kReplyTokensMax = 512;
constexpr int64_t kCarriesMax = 1000;  // more columns than any reply has room for

Result<EvalItem> item_from(const Json& line) {
  EvalItem item;
  TRY_ASSIGN(item.id, json_string(line, "id"));
  TRY_ASSIGN(item.group, json_string(line, "task"));
  TRY_ASSIGN(const std::string len, json_string(line, "len"));
  TRY_ASSIGN(item.prompt, json_string(line, "prompt"));
  TRY_ASSIGN(item.answer, json_string(line, "answer"));
  item.detail = item.group + " " + len;
  if (json_find(line, "carries") != nullptr) {
    TRY_ASSIGN(const int64_t carries, json_int(line, "carries", 0, kCarriesMax));
    item.cell = {item.group, fmt::format("{} carries", carries)};
  }
  return item;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  return judgement_of(math::last_number(reply) == item.answer);
}

}  // namespace

const Suite& arithmetic_suite() {
  static const Suite kSuite = {
      "arithmetic",
      "sums and differences up to 5 digits, products up to 3x3, held out from the bundled model",
      kReplyTokensMax,
      0,
      1,
      "add.jsonl,sub.jsonl,mul.jsonl",
      [](const std::string& path) { return read_items(path, item_from); },
      judge};
  return kSuite;
}

}  // namespace hearth
