// Hostile grammars, regexes and schemas: refused, or compiled up to the first token's mask, within
// a second, and so each of the tokens behind it; at the vocabulary of the bundled model and, where
// its file is there, at the 128,000 tokens of DeepSeek-R1.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "hearth/base/thread_clock.h"
#include "hearth/text/grammar/model_vocabulary.h"
#include "hearth/text/grammar/testing.h"

namespace hearth::grammar {
namespace {

using Compiled = std::shared_ptr<CompiledGrammar>;

struct Timed {
  std::string message;  // "accepted"
  double seconds;       // until the first token, or for the one after it that took longest
};

Timed timed(const std::function<Result<Compiled>()>& work) {
  double start = thread_seconds(), longest = 0;
  const Result<Compiled> g = work();
  if (!g) return {g.status().message(), thread_seconds() - start};
  const TokenTrie& tokens = (*g)->tokens();
  std::mt19937_64 random(1);
  Matcher matcher(*g, false);
  std::vector<uint64_t> allowed(tokens.words());
  for (int step = 0; step < 20; ++step) {
    const bool known = matcher.mask(allowed).is_ok();  // else: beyond the bounds, which ends it
    std::vector<int32_t> ids;
    for (int32_t id = 0; known && id < tokens.vocab_size(); ++id) {
      if (contains(allowed, id)) ids.push_back(id);
    }
    const bool went_on =
        !ids.empty() && matcher.advance(tokens.bytes(ids[random() % ids.size()])).has_value();
    longest = std::max(longest, thread_seconds() - start);
    if (!went_on) break;
    start = thread_seconds();
  }
  return {"accepted", longest};
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string chain(size_t rules, std::string_view after) {
  std::string out = "root ::= r0\n";
  for (size_t i = 0; i < rules; ++i) out += fmt::format("r{} ::= r{} {}\n", i, i + 1, after);
  return out + fmt::format("r{} ::= \"x\"\n", rules);
}

class HostileGrammar : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = GetParam();
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "the vocabulary is not there: " << path;
    static std::map<std::string, Vocabulary> read;
    Vocabulary& held = read[path];
    if (!held) {
      auto trie = path.ends_with(".tiktoken") ? read_tiktoken_vocabulary(path)
                                              : read_model_vocabulary(path);
      ASSERT_TRUE(trie.has_value()) << trie.status().message();
      held = std::make_shared<const TokenTrie>(*std::move(trie));
    }
    vocabulary_ = held;
  }

  // `expected`: of the refusal, "accepted", or "" where either will do.
  void expect(std::string_view text, std::string_view expected,
              Result<Compiled> (*make)(std::string_view, const Vocabulary&)) {
    const Timed t = timed([&] { return make(text, vocabulary_); });
    EXPECT_LT(t.seconds, 1 * kSlowness) << text.substr(0, 60);
    if (t.seconds > longest_.seconds) longest_ = {std::string(text.substr(0, 40)), t.seconds};
    EXPECT_TRUE(expected.empty() || t.message == expected) << t.message << text.substr(0, 60);
  }

  void TearDown() override {
    if (IsSkipped()) return;
    std::ranges::replace(longest_.message, '\n', ' ');
    fmt::print("longest: {:.0f} ms of processor time, {}...\n", longest_.seconds * 1000,
               longest_.message);
  }

  Vocabulary vocabulary_;
  Timed longest_ = {};  // what was asked, and how long it took
};

TEST_P(HostileGrammar, GbnfAnswersWithinASecond) {
  const std::string open = repeated("(", 60'000);
  const std::string many = "root ::= " + repeated("[a-z] | ", 30'000) + "\"x\"";
  const std::string nullable = "root ::= " + repeated("a ", 20'000) + "\na ::= \"a\"?";
  const std::string empty = "r ::= \"\"\nroot ::= " + repeated("r ", 100'000) + "\"x\"";
  const std::pair<std::string, std::string_view> gbnf[] = {
      {"root ::= " + open, "byte 210: expected groups nested at most 200 deep, found more"},
      {"root ::= (\"a\"*)*", "accepted"},
      {"root ::= ((\"a\"*)*)*{3,7}", "accepted"},
      {"root ::= (\"a\"?){0,2147483647}",
       "expected at most 100 repetitions of what may be empty, found 2147483647"},
      {"root ::= \"a\"{0,2147483647}", "accepted"},
      {"root ::= (\"a\"{0,2147483647}){0,2147483647}", ""},
      {"root ::= (\"a\"+){0,5000}{0,5000}", ""},
      {"root ::= " + repeated("(", 150) + "\"a\"+" + repeated("){0,9}", 150), ""},
      {"root ::= \"a\"" + repeated("+", 150), "accepted"},
      {"root ::= \"a\"" + repeated("{2,3}", 150), ""},
      {"root ::= \"a\"" + repeated("+", 60'000), ""},
      {"root ::= " + repeated("(", 199) + "\"a\"" + repeated(repeated("?", 200) + ")", 199),
       "rule root: expected parts nested at most 2000 deep"},
      {chain(50'000, ""), "accepted"},
      {chain(100'000, ""), "expected at most 1048576 bytes, found 1877813"},
      {chain(40'000, "\"x\""),
       "nothing matches: no finite text follows the rules with calls nested up to 300"},
      {chain(200, "\"x\""), "accepted"},
      {"root ::= root", "rule root: expected it to read something before it calls itself"},
      {many, "accepted"},
      {nullable, "accepted"},
      {empty, ""},
      {"root ::= a a a a a a a a\na ::= \"x\" a | a2\na2 ::= \"x\" a2 | \"x\" a | \"x\"",
       "accepted"},
      {"root ::= \"" + std::string(900'000, 'y') + "\"", "accepted"},
      {"root ::= \"a", ""},
      {"root ::= |", "accepted"},
      {"", "expected a rule `root`, found none"},
      {"root ::= [", ""},
      {"root ::= [^\\x00-\\U0010FFFF]", ""},
  };
  for (const auto& [text, expected] : gbnf) {
    expect(text, expected, compile_gbnf);
  }
}

TEST_P(HostileGrammar, RegexesAnswerWithinASecond) {
  const std::string open = repeated("(", 60'000);
  for (const std::string& text :
       {open, std::string("(a*)*"), std::string("(a+)+$"), std::string("(a|a)*b"),
        repeated("(a*)*", 1000), repeated("a?", 20'000), std::string("(.*.*){3,50}x"),
        std::string("[^]"), std::string("(?<=x)*"), std::string("a{0,2147483647}"),
        std::string("(a|aa){900}"), std::string(".*a.{300}")}) {
    expect(text, "", [](std::string_view regex, const Vocabulary& vocabulary) {
      return compile_regex(regex, Anchoring::whole, vocabulary);
    });
  }
}

TEST_P(HostileGrammar, SchemasAnswerWithinASecond) {
  std::string values = R"({"enum":[0)", words = R"({"enum":["w")",
              members = R"({"properties":{"p":{})";
  for (int i = 1; i < 100'000; ++i) values += fmt::format(",{}", i * 7919 % 1'000'003);
  for (int i = 1; i < 100'000; ++i) words += fmt::format(",\"v{}\"", i * 7919 % 1'000'003);
  for (int i = 0; i < 1000; ++i) members += fmt::format(R"(,"p{}":{{"type":"integer"}})", i);
  std::string each = R"({"$defs":{)";  // every object may hold every other
  for (int i = 0; i < 60; ++i) {
    each += fmt::format(R"({}"d{}":{{"type":"object","properties":{{)", i > 0 ? "," : "", i);
    for (int k = 0; k < 60; ++k) {
      each += fmt::format(R"({}"m{}":{{"$ref":"#/$defs/d{}"}})", k > 0 ? "," : "", k, k);
    }
    each += "}}";
  }
  each += R"(},"$ref":"#/$defs/d0"})";
  std::string both = R"({"$defs":{"t":{"anyOf":[{"type":"null"})";  // all branches alike
  for (int i = 0; i < 200; ++i) both += R"(,{"type":"array","items":{"$ref":"#/$defs/t"}})";
  both += R"(]}},"$ref":"#/$defs/t"})";
  const std::pair<std::string, std::string_view> cases[] = {
      {values + "]}", "accepted"},
      {words + "]}", "accepted"},
      {members + "}}", "accepted"},
      {each, "accepted"},
      {both, "accepted"},
      {R"({"type":"array","items":{"$ref":"#"}})", "accepted"},
      {R"({"$ref":"#"})", "#: expected no schema that refers to itself without an end"},
      {R"({"type":"object","properties":{"me":{"$ref":"#"}},"required":["me"]})",
       "nothing matches: no finite text follows the rules with calls nested up to 300"},
      {R"({"type":"array","minItems":1000000,"items":{"type":"array","minItems":1000000}})", ""},
      {R"({"type":"string","minLength":100000,"maxLength":1000000})", ""},
      {R"({"type":"string","pattern":"^(a*)*(b|b)*$","maxLength":3000})", ""},
      {R"({"type":"string","pattern":"x.{300}$"})", ""},
      {R"({"type":"integer","multipleOf":997,"minimum":-123456789,"maximum":987654321})", ""},
      {repeated(R"({"items":)", 60'000) + "{}" + repeated("}", 60'000),
       "expected a nesting of at most 64, found more"},
  };
  for (const auto& [text, expected] : cases) expect(text, expected, compile_schema);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, HostileGrammar,
                         testing::Values(HEARTH_SOURCE_DIR "/assets/mini", HEARTH_SHARED_DIR
                                         "/fixtures/tokenizers/deepseek_v3/deepseek_v3.tiktoken"),
                         [](const auto& made) {
                           return std::string(made.param).ends_with(".tiktoken") ? "DeepSeek"
                                                                                 : "Bundled";
                         });

}  // namespace
}  // namespace hearth::grammar
