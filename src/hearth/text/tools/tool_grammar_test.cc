// Grammars over calls: whatever is drawn from one is read back as calls that are right, marks are
// nothing that a text could spell, and what can't be kept is refused by tool and keyword.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "hearth/text/grammar/schema_validator.h"
#include "hearth/text/grammar/testing.h"
#include "hearth/text/tools/tool_call_parser.h"
#include "hearth/text/tools/tool_grammar.h"

namespace hearth {
namespace {

using grammar::CompiledGrammar;
using grammar::Matcher;
using grammar::TokenTrie;

constexpr ToolDialect kDialects[] = {ToolDialect::deepseek, ToolDialect::hermes};

ToolManner manner_of(ToolDialect dialect) {
  ToolManner out;
  out.dialect = dialect;
  out.frame = usual_tool_frame(dialect);
  return out;
}

Json two_tools() {
  return *parse_json(R"([
    {"type": "function", "function": {"name": "add", "strict": true, "parameters": {
      "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/small"}},
      "required": ["a", "b"], "$defs": {"small": {"enum": [1, 2, "x", "</tool_call>"]}}}}},
    {"type": "function", "function": {"name": "now"}}])");
}

ToolRules rules(bool must_call, bool single_call = false) {
  ToolRules out;
  out.tools = two_tools();
  out.must_call = must_call;
  out.single_call = single_call;
  return out;
}

// The small vocabulary of grammars, with a token for each mark or none.
std::shared_ptr<const TokenTrie> vocabulary(bool with_marks) {
  const auto small = grammar::small_vocabulary();
  std::vector<std::string> tokens;
  for (int32_t id = 0; id < small->vocab_size(); ++id) {
    const std::string_view bytes = small->bytes(id);
    tokens.emplace_back(bytes == "\xFF" ? "" : bytes);
  }
  for (size_t i = 0; with_marks && i < kToolMarks; ++i) {
    tokens.push_back(grammar::mark_spelling(i));
  }
  return std::make_shared<const TokenTrie>(TokenTrie::of(std::move(tokens)));
}

Result<std::shared_ptr<CompiledGrammar>> compiled(const ToolRules& rules, ToolDialect dialect,
                                                  bool with_marks,
                                                  std::optional<grammar::Grammar> other = {}) {
  TRY_ASSIGN(grammar::Grammar made,
             grammar_of_tools(rules, manner_of(dialect), with_marks, std::move(other)));
  return CompiledGrammar::compile(std::move(made), vocabulary(with_marks));
}

std::vector<ToolEvent> read_answer(ToolDialect dialect, bool with_marks, std::string_view answer) {
  ToolCallParser parser(dialect, !with_marks);
  std::vector<ToolEvent> out;
  for (size_t at = 0; at < answer.size(); ++at) {
    if (with_marks && answer[at] == '\xFF') {
      parser.push(static_cast<ToolMark>(answer[++at]), out);
    } else {
      parser.push(answer.substr(at, 1), out);
    }
  }
  parser.finish(out);
  return out;
}

// The calls of an answer, each right by its tool; -1: some is not, or a text stands between.
int count_right_calls(const std::vector<ToolEvent>& events) {
  const Json schema = two_tools()[0]["function"]["parameters"];
  std::vector<std::pair<std::string, std::string>> calls;
  for (const ToolEvent& e : events) {
    if (e.kind == ToolEvent::Kind::name) calls.emplace_back(e.text, "");
    if (e.kind == ToolEvent::Kind::arguments) calls.back().second += e.text;
    if (e.kind == ToolEvent::Kind::text) return -1;
  }
  for (const auto& [name, text] : calls) {
    const auto arguments = parse_json(text);
    if (!arguments || !arguments->is_object()) return -1;
    if (name == "now" ? !arguments->empty()
                      : name != "add" || !grammar::SchemaValidator(schema).valid(*arguments)) {
      return -1;
    }
  }
  return static_cast<int>(calls.size());
}

TEST(ToolGrammar, WhatIsDrawnIsReadAsRightCalls) {
  std::mt19937_64 random(5);
  for (const ToolDialect dialect : kDialects) {
    for (const bool with_marks : {true, false}) {
      for (const bool single : {true, false}) {
        const auto g = compiled(rules(true, single), dialect, with_marks);
        ASSERT_TRUE(g) << g.status().message();
        int finished = 0, several = 0;
        for (int round = 0; round < 60; ++round) {
          const grammar::Drawn drawn = grammar::draw(*g, random, 2000);
          EXPECT_FALSE(drawn.stuck) << drawn.text;
          if (!drawn.complete) continue;
          ++finished;
          const int calls = count_right_calls(read_answer(dialect, with_marks, drawn.text));
          EXPECT_GE(calls, 1) << drawn.text;
          EXPECT_TRUE(!single || calls == 1) << drawn.text;
          several += calls > 1 ? 1 : 0;
        }
        EXPECT_GE(finished, 50);
        EXPECT_TRUE(single || several > 10);
      }
    }
  }
}

std::string one_call(ToolDialect dialect, bool with_marks, std::string_view name,
                     std::string_view arguments) {
  std::string out = tool_call_example(dialect);
  out.replace(out.find("NAME"), 4, name);
  out.replace(out.find("{...}"), 5, arguments);
  const auto& marks = tool_mark_texts(dialect);
  for (size_t i = 0; with_marks && i < kToolMarks; ++i) {
    const size_t at = marks[i].empty() ? out.npos : out.find(marks[i]);
    if (at != out.npos) out.replace(at, marks[i].size(), grammar::mark_spelling(i));
  }
  return out;
}

TEST(ToolGrammar, TextIsFreeAndCallsInItAreRight) {
  for (const ToolDialect dialect : kDialects) {
    for (const bool with_marks : {true, false}) {
      const auto g = compiled(rules(false), dialect, with_marks);
      ASSERT_TRUE(g) << g.status().message();
      const auto call = [&](std::string_view name, std::string_view arguments) {
        return one_call(dialect, with_marks, name, arguments);
      };
      EXPECT_TRUE(grammar::matches(*g, ""));
      EXPECT_TRUE(grammar::matches(*g, "Seven <tool is 日本 {\"a\": ]"));
      EXPECT_TRUE(grammar::matches(*g, "So:\n" + call("add", R"({"a": 1, "b": "x"})")));
      EXPECT_FALSE(grammar::begins(*g, call("add", R"({"a": 1, "b": 3})")));
      EXPECT_FALSE(grammar::begins(*g, call("sub", "{}")));
      EXPECT_FALSE(grammar::begins(*g, call("now", R"({"zone")")));  // it takes nothing
      EXPECT_FALSE(grammar::begins(*g, call("now", "[1]")));
      EXPECT_FALSE(grammar::begins(*g, call("now", "{}") + "and text behind it"));
    }
  }
}

TEST(ToolGrammar, ACallOrAFormat) {
  const auto other = [] { return *grammar::grammar_of_schema(*parse_json(R"({"enum":["no"]})")); };
  const auto g = compiled(rules(false), ToolDialect::hermes, true, other());
  ASSERT_TRUE(g) << g.status().message();
  const std::string call = one_call(ToolDialect::hermes, true, "now", "{}");
  EXPECT_TRUE(grammar::matches(*g, "\"no\""));
  EXPECT_TRUE(grammar::matches(*g, call));
  EXPECT_FALSE(grammar::begins(*g, "\"yes\""));
  EXPECT_FALSE(grammar::begins(*g, "\"no\"" + call));
  const auto only_calls = compiled(rules(true), ToolDialect::hermes, true, other());
  EXPECT_FALSE(grammar::begins(*only_calls, "\"no\""));
  EXPECT_TRUE(grammar::matches(*only_calls, call));
}

TEST(ToolGrammar, WhatCannotBeKeptIsNamed) {
  ToolRules asked = rules(true);
  asked.tools[1]["function"]["parameters"] =
      *parse_json(R"({"properties": {"x": {"type": "array", "uniqueItems": true}}})");
  const auto refused = compiled(asked, ToolDialect::hermes, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.status().message(),
            "the parameters of `now`: #/properties/x: `uniqueItems`: this keyword is not offered");
  asked.must_call = false;  // and nothing is promised of its arguments
  EXPECT_TRUE(compiled(asked, ToolDialect::hermes, true));
  asked.tools[0]["function"]["parameters"] = *parse_json(R"({"type": "array"})");
  const auto no_object = compiled(asked, ToolDialect::hermes, true);
  ASSERT_FALSE(no_object);
  EXPECT_EQ(no_object.status().message(),
            "the parameters of `add`: `type`: expected object, found \"array\"");
}

// Where the model may call or not, arguments follow the schemas that can be kept, and no other is
// refused.
TEST(ToolGrammar, SchemasAreKeptWithoutAPromiseToo) {
  ToolRules asked = rules(false);
  asked.tools[0]["function"]["strict"] = false;
  const auto call = [](std::string_view name, std::string_view arguments) {
    return "text" + one_call(ToolDialect::hermes, true, name, arguments);
  };
  const std::string good = call("add", R"({"a": 1, "b": 2})"), bad = call("add", R"({"a": "x"})");
  const auto kept = compiled(asked, ToolDialect::hermes, true);
  ASSERT_TRUE(kept) << kept.status().message();
  EXPECT_TRUE(grammar::matches(*kept, good));
  EXPECT_FALSE(grammar::matches(*kept, bad));
  EXPECT_TRUE(grammar::matches(*kept, "text alone"));
  asked.schemas = false;
  const auto loose = compiled(asked, ToolDialect::hermes, true);
  EXPECT_TRUE(grammar::matches(*loose, good));
  EXPECT_TRUE(grammar::matches(*loose, bad));
  EXPECT_FALSE(grammar::begins(*loose, call("add", "[")));
  // One that can't be kept leaves its arguments any object, and the others theirs.
  asked.schemas = true;
  asked.tools[1]["function"]["parameters"] = *parse_json(R"({"uniqueItems": true})");
  const auto mixed = compiled(asked, ToolDialect::hermes, true);
  ASSERT_TRUE(mixed) << mixed.status().message();
  EXPECT_TRUE(grammar::matches(*mixed, call("now", R"({"x": [1, 1]})")));
  EXPECT_FALSE(grammar::matches(*mixed, bad));
}

TEST(ToolGrammar, TellsWhichSchemasAreNotKept) {
  ToolRules asked = rules(false);
  const auto loose = [&] {
    std::vector<LooseTool> found = {{"of", "before"}};
    EXPECT_TRUE(grammar_of_tools(asked, manner_of(ToolDialect::hermes), true, {}, &found));
    std::string out;
    for (const LooseTool& tool : found) out += fmt::format("{}:{} ", tool.name, tool.keyword);
    return out;
  };
  asked.tools[0]["function"]["strict"] = false;
  EXPECT_EQ(loose(), "");
  Json& parameters = asked.tools[1]["function"]["parameters"];
  for (const auto& [schema, told] : std::vector<std::pair<const char*, const char*>>{
           {R"({"uniqueItems": true})", "now:uniqueItems "},
           {R"({"properties": {"x": {"items": {"format": "iri"}}}})", "now:format "},
           {R"({"type": "array"})", "now:type "},
           {R"({"$ref": "#"})", "now: "}}) {
    parameters = *parse_json(schema);
    EXPECT_EQ(loose(), told) << schema;
  }
  asked.schemas = false;
  EXPECT_EQ(loose(), "add: now: ");
  asked.tools[0]["function"]["strict"] = true;
  EXPECT_EQ(loose(), "now: ");
}

TEST(ToolGrammar, WhatIsPromised) {
  ToolRules asked = rules(false);
  EXPECT_TRUE(promises_calls(asked));
  asked.tools[0]["function"]["strict"] = false;
  EXPECT_FALSE(promises_calls(asked));
  asked.must_call = true;
  EXPECT_TRUE(promises_calls(asked));
}

}  // namespace
}  // namespace hearth
