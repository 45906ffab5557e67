// See ifeval_suite.h. A reply is right (strict) when it follows all instructions of its prompt as
// it stands. Loose: one of its forms without the first line, the last line, asterisks does, for
// each instruction. An item's answer is its instructions, as JSON.
#include "hearth/eval/instructions/ifeval_suite.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/eval/instructions/instruction.h"
#include "hearth/eval/instructions/reply_text.h"
#include "hearth/eval/jsonl.h"
#include "hearth/eval/record.h"

namespace hearth::instructions {
namespace {

constexpr size_t kInstructionsMax = 64;
constexpr int64_t kBootstrapDraws = 1000;

struct Instruction {
  std::string id;
  Check check;
};

// [{"id", "kwargs"}], as an item's answer has it.
Result<std::vector<Instruction>> instructions_of(const Json& list) {
  std::vector<Instruction> out;
  for (const Json& one : list) {
    TRY_ASSIGN(std::string id, json_string(one, "id"));
    const Json* parameters = json_find(one, "kwargs");
    TRY_ASSIGN(Check check, make_check(id, parameters ? *parameters : Json()));
    out.push_back({std::move(id), std::move(check)});
  }
  return out;
}

Result<EvalItem> item_from(const Json& line) {
  EvalItem item;
  const Json* key = json_find(line, "key");
  if (key != nullptr) item.id = key->is_string() ? key->get<std::string>() : key->dump();
  TRY_ASSIGN(item.prompt, json_string(line, "prompt"));
  TRY_ASSIGN(const Json* ids, json_array(line, "instruction_id_list"));
  TRY_ASSIGN(const Json* parameters, json_array(line, "kwargs"));
  if (ids->empty() || ids->size() > kInstructionsMax || ids->size() != parameters->size()) {
    return error(Code::corrupt, "expected 1 to {} instructions with `kwargs` each, found {} and {}",
                 kInstructionsMax, ids->size(), parameters->size());
  }
  Json list = Json::array();
  for (size_t i = 0; i < ids->size(); ++i) {
    if (!(*ids)[i].is_string()) {
      return error(Code::corrupt, "`instruction_id_list`: expected an array of texts");
    }
    list.push_back({{"id", (*ids)[i]}, {"kwargs", (*parameters)[i]}});
  }
  TRY(instructions_of(list));
  item.answer = list.dump();
  item.group = fmt::format("{} instruction{}", list.size(), list.size() == 1 ? "" : "s");
  return item;
}

Result<std::vector<EvalItem>> load(const std::string& path) {
  TRY_ASSIGN(std::vector<EvalItem> items, read_items(path, item_from));
  return numbered(std::move(items));
}

std::string without_lines(std::string_view reply, bool first, bool last) {
  std::vector<std::string_view> lines = split(reply, "\n");
  if (first) lines.erase(lines.begin());
  if (last && !lines.empty()) lines.pop_back();
  std::string out;
  for (const std::string_view line : lines) {
    if (line.data() != lines.front().data()) out += '\n';
    out += line;
  }
  return std::string(trimmed(out));
}

std::vector<std::string> loose_forms(std::string_view reply) {
  std::vector<std::string> out = {std::string(reply), without_lines(reply, true, false),
                                  without_lines(reply, false, true),
                                  without_lines(reply, true, true)};
  for (size_t i = 0; i < 4; ++i) {
    std::string plain = out[i];
    std::erase(plain, '*');
    out.push_back(std::move(plain));
  }
  return out;
}

bool follows(const Instruction& instruction, std::string_view reply) {
  return !trimmed(reply).empty() && instruction.check(reply);
}

std::vector<Followed> followed_each(const std::vector<Instruction>& list, std::string_view reply) {
  const std::string text = cleaned(reply);
  const std::vector<std::string> forms = loose_forms(text);
  std::vector<Followed> out;
  for (const Instruction& instruction : list) {
    const bool loose = std::any_of(forms.begin(), forms.end(), [&](const std::string& form) {
      return follows(instruction, form);
    });
    out.push_back({follows(instruction, text), loose});
  }
  return out;
}

Result<Judgement> judge(const EvalItem& item, std::string_view reply) {
  TRY_ASSIGN(const Json list, parse_json(item.answer));
  TRY_ASSIGN(const std::vector<Instruction> instructions, instructions_of(list));
  const std::vector<Followed> found = followed_each(instructions, reply);
  Judgement out = judgement_of(true);
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].strict) continue;
    out.note += (out.right() ? "not followed: " : ", ") + instructions[i].id;
    if (found[i].loose) out.note += " (loosely)";
    out.value = 0;
  }
  return out;
}

// Of all replies to one prompt.
struct Counts {
  int64_t replies = 0, loose_replies = 0;
  int64_t instructions = 0, strict = 0, loose = 0;

  void add(const Counts& other) {
    replies += other.replies;
    loose_replies += other.loose_replies;
    instructions += other.instructions;
    strict += other.strict;
    loose += other.loose;
  }
};

using Share = double (*)(const Counts& counts);

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Prompts are drawn, each with all its instructions and replies.
Measure measure(std::string name, const std::vector<Counts>& prompts, Share share) {
  const auto of_places = [&](std::span<const size_t> places) {
    Counts sum;
    for (const size_t place : places) sum.add(prompts[place]);
    return share(sum);
  };
  Counts all;
  for (const Counts& counts : prompts) all.add(counts);
  return {std::move(name), share(all), bootstrap95(prompts.size(), kBootstrapDraws, of_places)};
}

double strict_share(const Counts& c) {
  return ratio(c.strict, c.instructions);
}

// The part of an id before its colon.
std::string family_of(const std::string& id) {
  return id.substr(0, id.find(':'));
}

std::vector<Counts> values_of(const std::map<int64_t, Counts>& by_item) {
  std::vector<Counts> out;
  for (const auto& [item, counts] : by_item) out.push_back(counts);
  return out;
}

std::vector<Measure> measures(const std::vector<EvalRecord>& records) {
  std::map<int64_t, Counts> prompts;
  std::map<std::string, std::map<int64_t, Counts>> families;
  for (const EvalRecord& record : records) {
    const auto list = parse_json(record.answer);
    CHECK(list.has_value());  // it is an item's own
    const auto instructions = instructions_of(*list);
    CHECK(instructions.has_value());
    const std::vector<Followed> found = followed_each(*instructions, record.reply);
    Counts& prompt = prompts[record.item];
    bool all_loose = true;
    for (size_t i = 0; i < found.size(); ++i) {
      const Counts one = {0, 0, 1, found[i].strict ? 1 : 0, found[i].loose ? 1 : 0};
      prompt.add(one);
      families[family_of((*instructions)[i].id)][record.item].add(one);
      all_loose = all_loose && found[i].loose;
    }
    prompt.replies += 1;
    prompt.loose_replies += all_loose ? 1 : 0;
  }
  if (prompts.empty()) return {};
  const std::vector<Counts> all = values_of(prompts);
  std::vector<Measure> out = {
      measure("prompt loose", all,
              [](const Counts& c) { return ratio(c.loose_replies, c.replies); }),
      measure("instruction strict", all, strict_share),
      measure("instruction loose", all,
              [](const Counts& c) { return ratio(c.loose, c.instructions); })};
  for (const auto& [family, by_item] : families) {
    out.push_back(measure("instruction strict " + family, values_of(by_item), strict_share));
  }
  return out;
}

}  // namespace

Result<Followed> followed(const std::string& id, const Json& parameters, std::string_view reply) {
  TRY_ASSIGN(Check check, make_check(id, parameters));
  return followed_each({{id, std::move(check)}}, reply).front();
}

const Suite& ifeval_suite() {
  static const Suite kSuite = [] {
    Suite suite;
    suite.name = "ifeval";
    suite.description = "instructions that a program can verify, of IFEval, by --data";
    suite.max_tokens = kR1ReplyTokensMax;
    suite.temperature = kR1Temperature;
    suite.top_p = kR1TopP;
    suite.load = load;
    suite.judge = judge;
    suite.measures = measures;
    return suite;
  }();
  return kSuite;
}

}  // namespace hearth::instructions
