// See tool_grammar.h.
#include "hearth/text/tools/tool_grammar.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "hearth/text/grammar/automaton.h"
#include "hearth/text/grammar/json_schema.h"
#include "hearth/text/grammar/token_trie.h"
#include "hearth/text/tools/tool_call_parser.h"

namespace hearth {
namespace {

using grammar::ExprId;
using grammar::Grammar;

constexpr int64_t kStatesMax = 1000;  // of the texts without a mark

bool is_strict(const Json& tool) {
  const Json* strict = json_find(tool.at("function"), "strict");
  return strict && *strict == true;
}

// The schema of a tool's arguments, which are an object whatever it says; without one a tool takes
// none.
Result<Json> arguments_schema(const Json& tool) {
  const Json* parameters = json_find(tool.at("function"), "parameters");
  if (!parameters || parameters->empty()) {
    return Json{{"type", "object"}, {"additionalProperties", false}};
  }
  Json out = *parameters;
  const Json* type = json_find(out, "type");
  const bool object = !type || *type == "object" ||
                      (type->is_array() && std::ranges::find(*type, "object") != type->end());
  if (!object) {
    return error(Code::invalid, "`type`: expected object, found {}", json_excerpt(*type));
  }
  out["type"] = "object";
  return out;
}

Result<Grammar> grammar_of_arguments(const Json& tool) {
  TRY_ASSIGN(const Json schema, arguments_schema(tool));
  return grammar::grammar_of_schema(schema);
}

// Of a schema that was refused: errors have it in back quotes, behind its place.
std::string keyword_of(const Status& why) {
  const std::string_view text = why.message();
  const size_t begin = text.find(": `");
  const size_t from = text.starts_with('`') ? 1 : begin == text.npos ? text.npos : begin + 3;
  if (from == text.npos) return "";
  const size_t end = text.find('`', from);
  return std::string(text.substr(from, end == text.npos ? 0 : end - from));
}

class ToolGrammar {
 public:
  ToolGrammar(const ToolRules& rules, const ToolManner& manner, bool marks_are_tokens)
      : rules_(rules), manner_(manner), marks_are_tokens_(marks_are_tokens) {}

  Result<Grammar> make(std::optional<Grammar> other) {
    TRY_ASSIGN(const ExprId all, calls());
    ExprId body = all;
    if (!rules_.must_call && other) {
      body = g_.choice({g_.call(g_.include(*std::move(other))), all});
    } else if (!rules_.must_call) {
      TRY_ASSIGN(const ExprId text, text_without_marks());
      body = g_.sequence({text, g_.optional(all)});
    }
    g_.root = g_.declare("answer with tools");
    g_.define(g_.root, body);
    return std::move(g_);
  }
  const std::vector<LooseTool>& loose() const { return loose_; }

 private:
  std::string_view mark(ToolMark which) const {
    return tool_mark_texts(manner_.dialect)[static_cast<size_t>(which)];
  }

  // A text of the frame, its marks spelled as the vocabulary has them.
  ExprId framed(std::string text) {
    const auto& marks = tool_mark_texts(manner_.dialect);
    for (size_t i = 0; marks_are_tokens_ && i < marks.size(); ++i) {
      if (marks[i].empty()) continue;
      const std::string spelling = grammar::mark_spelling(i);
      for (size_t at = text.find(marks[i]); at != text.npos; at = text.find(marks[i], at)) {
        text.replace(at, marks[i].size(), spelling);
      }
    }
    return g_.literal(text);
  }

  Result<ExprId> arguments(const Json& tool) {
    const bool promised = rules_.must_call || is_strict(tool);
    std::string keyword;
    if (promised || rules_.schemas) {
      auto made = grammar_of_arguments(tool);
      if (made) return g_.call(g_.include(*std::move(made)));
      if (promised) return std::move(made).status();
      keyword = keyword_of(made.status());
    }
    loose_.push_back({tool.at("function").at("name").get<std::string>(), std::move(keyword)});
    return g_.call(g_.include(grammar::grammar_of_json_object()));
  }

  Result<ExprId> calls() {
    const ToolFrame& frame = manner_.frame;
    std::vector<ExprId> ways;
    for (size_t i = 0; i < rules_.tools.size(); ++i) {
      const Json& tool = rules_.tools[i];
      const auto& name = tool.at("function").at("name").get_ref<const std::string&>();
      auto inside = arguments(tool);
      if (!inside) {
        return std::move(inside).status().at(fmt::format("the parameters of `{}`", name));
      }
      ways.push_back(g_.sequence({framed(name + frame.before_arguments), *inside}));
    }
    const grammar::RuleId call = g_.declare("call");
    g_.define(call, g_.sequence({framed(frame.before_name), g_.choice(std::move(ways)),
                                 framed(frame.after_arguments)}));
    std::vector<ExprId> all = {framed(std::string(mark(ToolMark::calls_begin))), g_.call(call)};
    if (!rules_.single_call) {
      const ExprId more = g_.sequence({framed(frame.between_calls), g_.call(call)});
      all.push_back(g_.repeat(more, 0, kCallsMax - 1));
    }
    all.push_back(framed(std::string(mark(ToolMark::calls_end))));
    return g_.sequence(std::move(all));
  }

  // Where a mark is a text, no other text may hold one: it would be read as a call.
  Result<ExprId> text_without_marks() {
    const ExprId any = g_.repeat(g_.any_character(), 0, grammar::kUnlimited);
    if (marks_are_tokens_) return any;
    std::vector<std::string> marks;
    for (std::string_view text : tool_mark_texts(manner_.dialect)) {
      if (!text.empty()) marks.emplace_back(text);
    }
    const ExprId with_mark = g_.sequence({any, g_.literals(std::move(marks)), any});
    TRY_ASSIGN(const grammar::ByteDfa all, grammar::to_dfa(g_, any, kStatesMax));
    TRY_ASSIGN(const grammar::ByteDfa marked, grammar::to_dfa(g_, with_mark, kStatesMax));
    TRY_ASSIGN(grammar::ByteDfa without,
               grammar::combine(all, marked, grammar::Combine::first_only, kStatesMax));
    return g_.dfa(std::move(without));
  }

  const ToolRules& rules_;
  const ToolManner& manner_;
  const bool marks_are_tokens_;
  Grammar g_;
  std::vector<LooseTool> loose_;
};

}  // namespace

bool promises_calls(const ToolRules& rules) {
  return rules.must_call || std::ranges::any_of(rules.tools, is_strict);
}

Result<grammar::Grammar> grammar_of_tools(const ToolRules& rules, const ToolManner& manner,
                                          bool marks_are_tokens,
                                          std::optional<grammar::Grammar> other,
                                          std::vector<LooseTool>* loose) {
  ToolGrammar tools(rules, manner, marks_are_tokens);
  auto made = tools.make(std::move(other));
  if (loose) *loose = tools.loose();
  return made;
}

}  // namespace hearth
