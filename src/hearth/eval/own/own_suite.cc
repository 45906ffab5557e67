// See own_suite.h. Patterns and schemas are grammars of answers (text/grammar), tried on a whole
// reply: their work is bounded, whatever the pattern. A reply on which the bounds are passed is
// not right, and its note says why; the run goes on.
#include "hearth/eval/own/own_suite.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/eval/code/code_task.h"
#include "hearth/eval/code/judge_code.h"
#include "hearth/eval/code/sandbox.h"
#include "hearth/eval/jsonl.h"
#include "hearth/eval/math/equivalence.h"
#include "hearth/eval/math/extract.h"
#include "hearth/eval/own/suite_file.h"
#include "hearth/text/grammar/json_schema.h"
#include "hearth/text/grammar/matcher.h"
#include "hearth/text/grammar/regex.h"

namespace hearth::own {
namespace {

constexpr int64_t kFileBytesMax = 64 << 10;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  while (!text.empty() && kSpace.find(text.back()) != kSpace.npos) text.remove_suffix(1);
  return text;
}

// ASCII letters alone: other scripts' cases are left as they are.
std::string folded(std::string_view text, bool ignore_case) {
  std::string out(text);
  if (!ignore_case) return out;
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Errors are the grammar's own; `otherwise` is the note of a text that isn't of it.
Result<Judgement> judge_by_grammar(grammar::Grammar grammar, std::string_view text,
                                   const char* otherwise) {
  const auto no_tokens = std::make_shared<const grammar::TokenTrie>(grammar::TokenTrie::of({""}));
  TRY_ASSIGN(auto compiled, grammar::CompiledGrammar::compile(std::move(grammar), no_tokens));
  grammar::Matcher matcher(std::move(compiled), false);
  const auto taken = matcher.advance(text);
  if (!taken) return Judgement{0, taken.status().message()};
  return *taken && matcher.complete() ? judgement_of(true) : Judgement{0, otherwise};
}

Result<Judgement> judge_by_pattern(const std::string& pattern, std::string_view reply) {
  grammar::Grammar grammar;
  TRY_ASSIGN(const grammar::ExprId body,
             grammar::parse_regex(pattern, grammar::Anchoring::search, grammar));
  grammar.root = grammar.declare("pattern");
  grammar.define(grammar.root, body);
  return judge_by_grammar(std::move(grammar), reply, "");
}

// Members in the order in which the schema names them, which is the order of the grammar; others
// behind them. Only `properties` and `items` are followed.
Json in_schema_order(const Json& value, const Json& schema) {
  if (value.is_array()) {
    const Json* items = json_find(schema, "items");
    Json out = Json::array();
    for (const Json& one : value) out.push_back(items ? in_schema_order(one, *items) : one);
    return out;
  }
  const Json* properties = json_find(schema, "properties");
  if (!value.is_object() || properties == nullptr || !properties->is_object()) return value;
  Json out = Json::object();
  for (const auto& [key, inner] : properties->items()) {
    if (const auto found = value.find(key); found != value.end()) {
      out[key] = in_schema_order(*found, inner);
    }
  }
  for (const auto& [key, inner] : value.items()) {
    if (!out.contains(key)) out[key] = inner;
  }
  return out;
}

// The JSON of a reply: its last fenced block, or all of it.
std::string_view json_text(std::string_view reply) {
  const size_t close = reply.rfind("```");
  if (close == reply.npos || close == 0) return reply;
  const size_t open = reply.rfind("```", close - 1);
  if (open == reply.npos) return reply;
  std::string_view block = reply.substr(open + 3, close - open - 3);
  if (block.starts_with("json")) block.remove_prefix(4);
  return block;
}

Result<Judgement> judge_by_schema(const std::string& schema_text, std::string_view reply) {
  TRY_ASSIGN(const Json schema, parse_json(schema_text));
  TRY_ASSIGN(grammar::Grammar grammar, grammar::grammar_of_schema(schema));
  const auto value = parse_json(trimmed(json_text(reply)));
  if (!value) return Judgement{0, "not JSON: " + value.status().message()};
  return judge_by_grammar(std::move(grammar), in_schema_order(*value, schema).dump(),
                          "not valid by the schema");
}

Judgement judge_by_value(const std::string& expected, std::string_view reply) {
  const auto answer = math::extract_answer(reply);
  if (!answer) return {0, "no answer found"};
  return judgement_of(math::equivalent(expected, answer->text));
}

Result<Judgement> judge(const SuiteFile& file, const EvalItem& item, std::string_view reply) {
  const std::string found = folded(trimmed(reply), file.ignore_case);
  const std::string expected = folded(trimmed(item.answer), file.ignore_case);
  switch (file.scorer) {
    case Scorer::exact:
      return judgement_of(found == expected);
    case Scorer::contains:
      return judgement_of(found.find(expected) != found.npos);
    case Scorer::numeric:
      return judge_by_value(item.answer, reply);
    case Scorer::json_schema:
      return judge_by_schema(item.answer, reply);
    case Scorer::regex:
      return judge_by_pattern(item.answer, trimmed(reply));
    case Scorer::code: {
      TRY_ASSIGN(const Json json, parse_json(item.answer));
      TRY_ASSIGN(const code::CodeTask task, code::task_from(json));
      return code::judge_code(task, reply);
    }
  }
  return error(Code::internal, "unknown scorer");
}

// What a scorer will read, read once before anything runs.
Status check_answer(const SuiteFile& file, const std::string& answer) {
  if (file.scorer == Scorer::regex) {
    TRY(judge_by_pattern(answer, ""));
  } else if (file.scorer == Scorer::json_schema) {
    TRY(judge_by_schema(answer, "null"));
  } else if (file.scorer == Scorer::code) {
    TRY_ASSIGN(const Json task, parse_json(answer));
    TRY(code::task_from(task));
  }
  return Status::ok();
}

Result<EvalItem> item_of(const SuiteFile& file, const Json& line) {
  EvalItem item;
  TRY_ASSIGN(item.prompt, filled(file.prompt, line));
  TRY_ASSIGN(item.answer, filled(file.answer, line));
  TRY_ASSIGN(item.id, filled(file.id, line));
  TRY_ASSIGN(item.group, filled(file.group, line));
  Status checked = check_answer(file, item.answer);
  if (!checked.is_ok()) return std::move(checked).at("`answer`");
  return item;
}

}  // namespace

Result<Suite> open_suite(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kFileBytesMax));
  auto parsed = parse_suite(text);
  if (!parsed) return std::move(parsed).status().at(path);
  const auto file = std::make_shared<const SuiteFile>(*std::move(parsed));
  Suite suite;
  suite.name = file->name.empty() ? stem_of(path) : file->name;
  suite.description = "a suite of one's own";
  suite.scorer = scorer_text(*file);
  suite.max_tokens = file->max_tokens;
  suite.temperature = file->temperature;
  suite.top_p = file->top_p;
  if (!file->data.empty()) {
    suite.data_files = (std::filesystem::path(path).parent_path() / file->data).string();
  }
  suite.load = [file](const std::string& data) -> Result<std::vector<EvalItem>> {
    TRY_ASSIGN(std::vector<EvalItem> items,
               read_items(data, [&](const Json& line) { return item_of(*file, line); }));
    return numbered(std::move(items));
  };
  suite.judge = [file](const EvalItem& item, std::string_view reply) {
    return judge(*file, item, reply);
  };
  if (file->scorer == Scorer::code) {
    suite.ready = code::sandbox_ready;
    suite.sandbox = code::sandbox_bounds;
  }
  return suite;
}

}  // namespace hearth::own
