// See choice_suites.h. Prompts that want a reply ask R1 to reason and to box the letter, as for
// mathematics; those that are continued are the plain question.
#include "hearth/eval/choice_suites.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/eval/csv.h"
#include "hearth/eval/jsonl.h"
#include "hearth/eval/math/extract.h"
#include "hearth/eval/record.h"

namespace hearth {
namespace {

constexpr int64_t kContinuationTokensMax = 1024;
constexpr size_t kChoicesMax = 26;

struct Question {
  std::string id, text;
  std::vector<std::string> choices;
  size_t right = 0;
};

struct Form {
  bool chinese = false;
  bool continued = false;  // no reply is asked for: a choice follows the text
};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

char letter_of(size_t choice) {
  return static_cast<char>('A' + choice);
}

// A letter of a choice with nothing of a word beside it; "A" before a word is an article.
bool stands_alone(std::string_view text, size_t i, size_t choices) {
  const char c = text[i];
  if (c < 'A' || static_cast<size_t>(c - 'A') >= choices) return false;
  if (i > 0 && (is_letter_or_digit(text[i - 1]) || text[i - 1] == '\\')) return false;
  if (i + 1 < text.size() && is_letter_or_digit(text[i + 1])) return false;
  const bool article = c == 'A' && i + 2 < text.size() && text[i + 1] == ' ' &&
                       text[i + 2] >= 'a' && text[i + 2] <= 'z';
  return !article;
}

Result<size_t> choice_of_letter(std::string_view letter, size_t choices) {
  if (letter.size() == 1 && letter[0] >= 'A' && static_cast<size_t>(letter[0] - 'A') < choices) {
    return static_cast<size_t>(letter[0] - 'A');
  }
  return error(Code::corrupt, "`answer`: expected a letter from A to {}, found \"{}\"",
               letter_of(choices - 1), letter);
}

std::string listed(const Question& question) {
  std::string text = question.text;
  for (size_t i = 0; i < question.choices.size(); ++i) {
    text += fmt::format("\n{}. {}", letter_of(i), question.choices[i]);
  }
  return text;
}

// The letters follow, as MMLU's authors and those after them score it: a choice is one letter.
void continue_by_letter(const Question& question, bool chinese, EvalItem& item) {
  item.prompt = listed(question) + (chinese ? "\n答案：" : "\nAnswer:");
  for (size_t i = 0; i < question.choices.size(); ++i) {
    item.continuations.push_back(fmt::format("{}{}", chinese ? "" : " ", letter_of(i)));
  }
}

EvalItem item_of(Question question, std::string group, Form form) {
  EvalItem item;
  item.id = std::move(question.id);
  item.group = std::move(group);
  item.answer = std::string(1, letter_of(question.right));
  if (form.continued) {
    continue_by_letter(question, form.chinese, item);
    return item;
  }
  item.prompt = form.chinese ? "以下是一道单项选择题。\n\n" : "";
  item.prompt += listed(question);
  item.prompt += form.chinese ? "\n\n请逐步推理，并将正确选项的字母放在\\boxed{}中。"
                              : "\n\nPlease reason step by step, and put the letter of the right "
                                "choice within \\boxed{}.";
  return item;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// The places of the question, the four choices and the answer in a row.
using Columns = std::array<size_t, 6>;

// By a header with their names (CMMLU, C-Eval), else in this order (MMLU has no header).
std::optional<Columns> header_of(const CsvRow& row) {
  constexpr std::array<std::string_view, 6> kNames = {"question", "a", "b", "c", "d", "answer"};
  Columns columns{};
  for (size_t i = 0; i < kNames.size(); ++i) {
    const auto found = std::find_if(
        row.begin(), row.end(), [&](const std::string& name) { return lower(name) == kNames[i]; });
    if (found == row.end()) return std::nullopt;
    columns[i] = static_cast<size_t>(found - row.begin());
  }
  return columns;
}

Result<std::vector<EvalItem>> load_csv(const std::string& path, Form form) {
  TRY_ASSIGN(std::string content, read_file(path, kDatasetBytesMax));
  if (content.starts_with("\xEF\xBB\xBF")) content.erase(0, 3);
  auto parsed = parse_csv(content);
  if (!parsed) return std::move(parsed).status().at(path);
  std::vector<CsvRow>& rows = *parsed;
  if (rows.empty()) return error(Code::corrupt, "{}: expected questions, found none", path);
  const auto header = header_of(rows[0]);
  const Columns columns = header.value_or(Columns{0, 1, 2, 3, 4, 5});
  if (header) rows.erase(rows.begin());
  std::vector<EvalItem> items;
  for (CsvRow& row : rows) {
    const std::string place = fmt::format("{}: question {}", path, items.size() + 1);
    if (row.size() <= *std::max_element(columns.begin(), columns.end())) {
      return error(Code::corrupt,
                   "{}: expected a question, four choices and an answer, found {} "
                   "fields",
                   place, row.size());
    }
    Question question;
    question.text = std::move(row[columns[0]]);
    for (size_t i = 1; i <= 4; ++i) question.choices.push_back(std::move(row[columns[i]]));
    auto right = choice_of_letter(row[columns[5]], 4);
    if (!right) return std::move(right).status().at(place);
    question.right = *right;
    items.push_back(item_of(std::move(question), stem_of(path), form));
  }
  if (items.empty()) return error(Code::corrupt, "{}: expected questions, found none", path);
  return items;
}

// {"question", "choices": [...], "answer": 2 or "C", "subject"}.
Result<EvalItem> json_item(const Json& line, Form form) {
  Question question;
  TRY_ASSIGN(question.text, json_string(line, "question"));
  TRY_ASSIGN(const Json* choices, json_array(line, "choices"));
  if (choices->size() < 2 || choices->size() > kChoicesMax) {
    return error(Code::corrupt, "`choices`: expected 2 to {}, found {}", kChoicesMax,
                 choices->size());
  }
  for (const Json& choice : *choices) {
    if (!choice.is_string()) return error(Code::corrupt, "`choices`: expected an array of texts");
    question.choices.push_back(choice.get<std::string>());
  }
  const Json* answer = json_find(line, "answer");
  if (answer != nullptr && answer->is_string()) {
    TRY_ASSIGN(question.right, choice_of_letter(answer->get<std::string>(), choices->size()));
  } else {
    const auto last = static_cast<int64_t>(choices->size()) - 1;
    TRY_ASSIGN(const int64_t right, json_int(line, "answer", 0, last));
    question.right = static_cast<size_t>(right);
  }
  TRY_ASSIGN(std::string subject, json_string_or(line, "subject", ""));
  return item_of(std::move(question), std::move(subject), form);
}

// {"premise", "choice1", "choice2", "question": "cause" or "effect", "label": 0 or 1}.
// Continued it is by the choices' own texts, as the field scores it.
Result<EvalItem> xcopa_item(const Json& line, Form form) {
  Question question;
  TRY_ASSIGN(const std::string premise, json_string(line, "premise"));
  question.choices.resize(2);
  TRY_ASSIGN(question.choices[0], json_string(line, "choice1"));
  TRY_ASSIGN(question.choices[1], json_string(line, "choice2"));
  TRY_ASSIGN(const std::string asked, json_string(line, "question"));
  if (asked != "cause" && asked != "effect") {
    return error(Code::corrupt, "`question`: expected cause or effect, found \"{}\"", asked);
  }
  TRY_ASSIGN(const int64_t label, json_int(line, "label", 0, 1));
  question.right = static_cast<size_t>(label);
  question.text = premise + (asked == "cause" ? "\nWhat was the more likely cause?"
                                              : "\nWhat happened more likely as a result?");
  if (!form.continued) return item_of(std::move(question), asked, form);
  EvalItem item;
  item.group = asked;
  item.prompt = question.text + "\nAnswer:";
  item.answer = std::string(1, letter_of(question.right));
  for (const std::string& choice : question.choices)
    item.continuations.push_back(fmt::format(" {}", choice));
  return item;
}

Result<std::vector<EvalItem>> load(const std::string& path, Form form) {
  std::vector<EvalItem> items;
  if (path.ends_with(".csv")) {
    TRY_ASSIGN(items, load_csv(path, form));
  } else {
    TRY_ASSIGN(items, read_items(path, [&](const Json& line) { return json_item(line, form); }));
  }
  items = numbered(std::move(items));
  for (EvalItem& item : items) item.id = stem_of(path) + "/" + item.id;
  return items;
}

Result<std::vector<EvalItem>> load_xcopa(const std::string& path, Form form) {
  TRY_ASSIGN(std::vector<EvalItem> items,
             read_items(path, [&](const Json& line) { return xcopa_item(line, form); }));
  items = numbered(std::move(items));
  for (EvalItem& item : items) {
    item.id = stem_of(path) + "/" + item.id;
    item.group = stem_of(path) + " " + item.group;
  }
  return items;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  size_t choices = 0;  // as the prompt lists them
  while (choices < kChoicesMax &&
         item.prompt.find(fmt::format("\n{}. ", letter_of(choices))) != std::string::npos) {
    ++choices;
  }
  const auto letter = chosen_letter(reply, choices);
  if (!letter) return Judgement{0, "no letter found"};
  return judgement_of(item.answer[0] == *letter);
}

// Where choices differ in length: right by the mean over the bytes of the text, as the field
// reports it beside the sum ("acc_norm").
std::vector<Measure> by_bytes(const std::vector<EvalRecord>& records) {
  double right = 0;
  bool differ = false;
  for (const EvalRecord& record : records) {
    size_t best = 0;
    for (size_t i = 0; i < record.choices.size(); ++i) {
      if (record.choices[i].per_byte() > record.choices[best].per_byte()) best = i;
      differ = differ || record.choices[i].bytes != record.choices[0].bytes;
    }
    right += record.answer == std::string(1, letter_of(best)) ? 1 : 0;
  }
  if (!differ) return {};
  const double share = right / static_cast<double>(records.size());
  return {{"likeliest by byte", share, wilson95_of_share(share, std::ssize(records))}};
}

using Load = Result<std::vector<EvalItem>> (*)(const std::string& path, Form form);

struct Description {
  std::string_view name, text;
  Load load_file;
  bool chinese;
};

constexpr std::array<Description, 4> kDescriptions = {
    {{"mmlu", "questions of MMLU with four choices, by --data", load, false},
     {"cmmlu", "the same in Chinese, of CMMLU, by --data", load, true},
     {"ceval", "the same in Chinese, of C-Eval, by --data", load, true},
     {"xcopa", "causes and effects of XCOPA, one file a language, by --data", load_xcopa, false}}};

Suite suite(const Description& of, bool continued) {
  Suite out;
  out.name = of.name;
  out.description = of.text;
  out.max_tokens = continued ? kContinuationTokensMax : kR1ReplyTokensMax;
  out.temperature = continued ? 0 : kR1Temperature;
  out.top_p = continued ? 1 : kR1TopP;
  out.load = [&of, continued](const std::string& path) {
    return of.load_file(path, {of.chinese, continued});
  };
  if (!continued) {
    out.judge = judge;
    return out;
  }
  out.judge = [](const EvalItem& item, std::string_view letter) -> Result<Judgement> {
    return judgement_of(item.answer == letter);
  };
  out.measures = by_bytes;
  out.scorer = "likelihood";
  return out;
}

const std::vector<Suite>& suites(bool continued) {
  const auto made = [](bool of_continued) {
    std::vector<Suite> out;
    for (const Description& of : kDescriptions) out.push_back(suite(of, of_continued));
    return out;
  };
  static const std::vector<Suite> kReplying = made(false), kContinued = made(true);
  return continued ? kContinued : kReplying;
}

}  // namespace

std::optional<char> chosen_letter(std::string_view reply, size_t choices) {
  const auto answer = math::extract_answer(reply);
  if (answer && answer->place != math::AnswerPlace::last_number) {
    for (size_t i = 0; i < answer->text.size(); ++i) {
      if (stands_alone(answer->text, i, choices)) return answer->text[i];
    }
  }
  for (size_t i = reply.size(); i-- > 0;) {
    if (stands_alone(reply, i, choices)) return reply[i];
  }
  return std::nullopt;
}

std::span<const Suite> choice_suites() {
  return suites(false);
}

const Suite* likelihood_suite(std::string_view name) {
  for (const Suite& suite : suites(true)) {
    if (suite.name == name) return &suite;
  }
  return nullptr;
}

}  // namespace hearth
