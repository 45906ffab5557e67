// Suites of a user's own: each scorer, and what is refused before anything runs.
#include "hearth/eval/own/own_suite.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/eval/code/sandbox.h"
#include "hearth/eval/own/suite_file.h"

namespace hearth::own {
namespace {

namespace fs = std::filesystem;

class OwnSuites : public testing::Test {
 protected:
  OwnSuites() : folder_(fs::temp_directory_path() / fmt::format("hearth_own_{}", ::getpid())) {
    fs::create_directories(folder_);
  }
  ~OwnSuites() override { fs::remove_all(folder_); }

  // A suite with this scorer and one item with this answer.
  Judgement judged(const std::string& scorer, const Json& answer, std::string_view reply) const {
    std::ofstream(folder_ / "s.yaml") << "prompt: '{{q}}'\ndata: d.jsonl\nscorer: " + scorer + "\n";
    std::ofstream(folder_ / "d.jsonl") << Json{{"q", "?"}, {"answer", answer}}.dump();
    auto suite = open_suite(folder_ / "s.yaml");
    EXPECT_TRUE(suite.has_value()) << suite.status().message();
    auto items = suite->load(suite->data_files);
    EXPECT_TRUE(items.has_value()) << items.status().message();
    if (!items) return {-1, items.status().message()};
    const auto judgement = suite->judge((*items)[0], reply);
    EXPECT_TRUE(judgement.has_value()) << judgement.status().message();
    return judgement ? *judgement : Judgement{-1, "error"};
  }

  const fs::path folder_;
};

TEST_F(OwnSuites, Scorers) {
  EXPECT_TRUE(judged("exact", "Yes", " Yes\n").right());
  EXPECT_FALSE(judged("exact", "Yes", "yes").right());
  EXPECT_TRUE(judged("exact\nignore_case: true", "Yes", "yes").right());
  EXPECT_TRUE(judged("contains", "aspirin", "Give aspirin at once.").right());
  EXPECT_FALSE(judged("contains", "aspirin", "Give nothing.").right());
  EXPECT_TRUE(judged("numeric", "1/2", "so \\boxed{0.5} mg").right());
  EXPECT_TRUE(judged("numeric", 75, "It takes 75 mg.").right());
  EXPECT_FALSE(judged("numeric", 75, "It takes 57 mg.").right());
  EXPECT_TRUE(judged("regex", "(?:ICD-10:? )?I21\\.[0-9]", "Code: I21.4").right());
  EXPECT_FALSE(judged("regex", "^I21$", "I21.4").right());
}

TEST_F(OwnSuites, SchemasHaveNoOrder) {
  const Json schema = {
      {"type", "object"},
      {"properties",
       {{"drug", {{"type", "string"}}}, {"mg", {{"type", "integer"}, {"minimum", 1}}}}},
      {"required", {"drug", "mg"}},
      {"additionalProperties", false}};
  EXPECT_TRUE(judged("json-schema", schema, R"({"drug": "x", "mg": 5})").right());
  EXPECT_TRUE(
      judged("json-schema", schema, "Here:\n```json\n{\"mg\": 5, \"drug\": \"x\"}\n```").right());
  EXPECT_EQ(judged("json-schema", schema, R"({"drug": "x", "mg": 0})").note,
            "not valid by the schema");
  EXPECT_FALSE(judged("json-schema", schema, R"({"drug": "x", "mg": 5, "more": 1})").right());
  EXPECT_TRUE(judged("json-schema", schema, "none").note.starts_with("not JSON"));
}

TEST_F(OwnSuites, AReplyThatNoGrammarCanFollowIsNotRight) {
  const Judgement lost = judged("regex", "(a|aa|aaa){0,1000}b", std::string(5000, 'a'));
  EXPECT_FALSE(lost.right());
  EXPECT_EQ(lost.note, "the grammar is too ambiguous to be followed");
}

TEST_F(OwnSuites, CodeRunsInTheSandbox) {
  const Status ready = code::sandbox_ready();
  if (!ready.is_ok()) GTEST_SKIP() << "no program was run: " << ready.message();
  const Json task = {{"entry_point", "f"}, {"cases", {{{"args", {1}}, {"expected", 2}}}}};
  EXPECT_TRUE(judged("code", task, "```python\ndef f(x): return x + 1\n```").right());
  EXPECT_FALSE(judged("code", task, "```python\ndef f(x): return x\n```").right());
}

TEST(SuiteFiles, AreReadOrRefusedByLine) {
  const auto suite = parse_suite(
      "name: triage\nprompt: |\n  {{ question }}\n  Answer briefly.\nscorer: contains\n"
      "max_tokens: 64\ntemperature: 0\ngroup: '{{ward}}'\n");
  ASSERT_TRUE(suite.has_value()) << suite.status().message();
  EXPECT_EQ(suite->name, "triage");
  EXPECT_EQ(suite->scorer, Scorer::contains);
  EXPECT_EQ(suite->max_tokens, 64);
  EXPECT_EQ(suite->temperature, 0);
  EXPECT_EQ(*filled(suite->prompt, {{"question", "How?"}}), "How?\nAnswer briefly.\n");
  EXPECT_EQ(*filled("{{n}}{{s}}", {{"n", 1.5}, {"s", "{{n}}"}}), "1.5{{n}}");
  EXPECT_FALSE(filled("{{m}}", {{"n", 1}}).has_value());
  EXPECT_FALSE(filled("{{n", {{"n", 1}}).has_value());
  const std::pair<const char*, const char*> bad[] = {
      {"prompt: a\nscore: exact\n", "line 2: expected name, data"},
      {"prompt: a\nscorer: best\n", "line 2: `scorer`: expected one of exact"},
      {"prompt: a\nprompt: b\n", "line 2: `prompt` stands there twice"},
      {"prompt: [a]\n", "line 1: expected `key: value`"},
      {"prompt: a\ntop_p: 2\n", "`top_p`: expected a number from 0 to 1"},
      {"prompt: a\nscorer: \"b\\nc\"\n", "found `b?c`"},  // one line, whatever it repeats
      {"prompt: a\n\"b\\nc\": d\n", "found `b?c`"},
      {"prompt: a\ntop_p: \"b\\nc\"\n", "found `b?c`"},
      {"scorer: exact\n", "expected a `prompt`"},
      {"- a\n", "expected a map"},
      {"prompt: {a\n", "line 2: "},
      {"", "expected a map"}};
  for (const auto& [yaml, message] : bad) {
    const auto found = parse_suite(yaml);
    ASSERT_FALSE(found.has_value()) << yaml;
    EXPECT_NE(found.status().message().find(message), std::string::npos)
        << yaml << ": " << found.status().message();
  }
  EXPECT_FALSE(parse_suite("prompt: " + std::string(10'000, '[')).has_value());
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "- ";
  EXPECT_FALSE(parse_suite(deep).has_value());
}

}  // namespace
}  // namespace hearth::own
