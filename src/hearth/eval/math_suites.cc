// See math_suites.h. Prompts and sampling follow the users' guide of DeepSeek-R1: no system prompt,
// the request to reason step by step and to box the answer, temperature 0.6, top-p 0.95.
#include "hearth/eval/math_suites.h"

#include <array>
#include <nlohmann/json.hpp>

#include "hearth/eval/jsonl.h"
#include "hearth/eval/math/equivalence.h"
#include "hearth/eval/math/extract.h"

namespace hearth {
namespace {

constexpr std::string_view kInstruction =
    "\nPlease reason step by step, and put your final answer within \\boxed{}.";
constexpr std::string_view kChineseInstruction = "\n请逐步推理，并将最终答案放在\\boxed{}中。";

constexpr int64_t kLevelMax = 1'000;

EvalItem item_of(std::string id, std::string_view question, std::string answer,
                 std::string_view instruction = kInstruction) {
  EvalItem item;
  item.id = std::move(id);
  item.prompt = std::string(question) + std::string(instruction);
  item.answer = std::move(answer);
  return item;
}

// {"problem", "answer", "subject", "level", "unique_id"}: the file of the MATH-500 split.
Result<EvalItem> math500_item(const Json& line) {
  TRY_ASSIGN(const std::string problem, json_string(line, "problem"));
  TRY_ASSIGN(std::string answer, json_string(line, "answer"));
  TRY_ASSIGN(std::string id, json_string(line, "unique_id"));
  EvalItem item = item_of(std::move(id), problem, std::move(answer));
  TRY_ASSIGN(item.detail, json_string(line, "subject"));
  TRY_ASSIGN(const int64_t level, json_int(line, "level", 0, kLevelMax));
  item.group = fmt::format("level {}", level);
  return item;
}

// {"question", "answer"}, the answer's last line "#### 18". Numbered by the caller.
Result<EvalItem> gsm8k_item(const Json& line) {
  TRY_ASSIGN(const std::string question, json_string(line, "question"));
  TRY_ASSIGN(const std::string solution, json_string(line, "answer"));
  const auto answer = math::extract_answer(solution);
  if (!answer || answer->place != math::AnswerPlace::hashes) {
    return error(Code::corrupt, "`answer`: expected a last line of ####, found none");
  }
  return item_of("", question, answer->text);
}

// {"problem", "answer" or "expected_answer", "id"}; answers are whole numbers, in text or not.
Result<EvalItem> aime_item(const Json& line) {
  TRY_ASSIGN(const std::string problem, json_string(line, "problem"));
  const char* key = json_find(line, "expected_answer") != nullptr ? "expected_answer" : "answer";
  const Json* given = json_find(line, key);
  std::string answer;
  if (given != nullptr && given->is_number_integer()) {
    answer = given->dump();
  } else {
    TRY_ASSIGN(answer, json_string(line, key));
  }
  const Json* id = json_find(line, "id");
  const std::string name = id == nullptr     ? ""
                           : id->is_string() ? id->get<std::string>()
                                             : id->dump();
  return item_of(name, problem, std::move(answer));
}

// {"question", "golden", "grade"}.
Result<EvalItem> cmath_item(const Json& line) {
  TRY_ASSIGN(const std::string question, json_string(line, "question"));
  TRY_ASSIGN(std::string golden, json_string(line, "golden"));
  EvalItem item = item_of("", question, std::move(golden), kChineseInstruction);
  TRY_ASSIGN(const int64_t grade, json_int(line, "grade", 0, kLevelMax));
  item.group = fmt::format("grade {}", grade);
  return item;
}

// Question, tab, answer.
Result<EvalItem> mgsm_item(std::string_view line) {
  const size_t tab = line.rfind('\t');
  if (tab == line.npos) return error(Code::corrupt, "expected a question, a tab and an answer");
  return item_of("", line.substr(0, tab), std::string(line.substr(tab + 1)));
}

template <Result<EvalItem> (*item)(const Json&)>
Result<std::vector<EvalItem>> load(const std::string& path) {
  TRY_ASSIGN(std::vector<EvalItem> items, read_items(path, item));
  return numbered(std::move(items));
}

// "mgsm_sw.tsv" is the group "mgsm_sw", and its ids "mgsm_sw/0" and so on.
Result<std::vector<EvalItem>> load_mgsm(const std::string& path) {
  TRY_ASSIGN(std::vector<EvalItem> items, read_item_lines(path, mgsm_item));
  items = numbered(std::move(items));
  const std::string stem = stem_of(path);
  for (EvalItem& item : items) {
    item.group = stem;
    item.id = stem + "/" + item.id;
  }
  return items;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  const auto answer = math::extract_answer(reply);
  if (!answer) return Judgement{0, "no answer found"};
  return judgement_of(math::equivalent(item.answer, answer->text));
}

Suite suite(std::string name, std::string description,
            Result<std::vector<EvalItem>> (*load_file)(const std::string&)) {
  return {std::move(name),   std::move(description),
          kR1ReplyTokensMax, kR1Temperature,
          kR1TopP,           "",
          load_file,         judge};
}

}  // namespace

std::span<const Suite> math_suites() {
  static const std::array<Suite, 5> kSuites = {
      suite("math500", "competition problems of MATH-500, by --data", load<math500_item>),
      suite("gsm8k", "school problems of GSM8K, by --data", load<gsm8k_item>),
      suite("aime", "AIME, 30 problems a year, by --data", load<aime_item>),
      suite("cmath", "Chinese school problems of CMATH, by --data", load<cmath_item>),
      suite("mgsm", "GSM8K in ten more languages, one file each, by --data", load_mgsm)};
  return kSuites;
}

}  // namespace hearth
