// Grammars over answers: when they begin, where the end may come, and taking tokens back.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "hearth/engine/answer_constraint.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/text_model.h"
#include "hearth/engine/thought_limit.h"

namespace hearth {
namespace {

using Form = AnswerStream::Form;

class ConstrainedAnswer : public testing::Test {
 protected:
  ConstrainedAnswer() {
    const auto checkpoint = Checkpoint::open(HEARTH_SOURCE_DIR "/assets/mini");
    CHECK(checkpoint.has_value());
    auto tokenizer = load_tokenizer(*checkpoint);
    CHECK(tokenizer.has_value());
    tokenizer_.emplace(*std::move(tokenizer));
    vocabulary_.emplace(*tokenizer_, tokenizer_->vocab_size(),
                        std::vector<int32_t>{tokenizer_->eos().value()});
  }

  AnswerConstraint constraint(const std::string& regex, Form form) {
    auto grammar = compile_format({OutputFormat::Kind::regex, regex}, vocabulary_->tokens());
    CHECK(grammar.has_value());
    return AnswerConstraint(*vocabulary_, *grammar, form);
  }

  // Ids that may follow.
  std::vector<int32_t> allowed(AnswerConstraint& constraint, const std::vector<int32_t>& answer) {
    std::vector<uint8_t> banned(static_cast<size_t>(tokenizer_->vocab_size()), 0);
    const Status status = constraint.mask(answer, banned);
    EXPECT_TRUE(status.is_ok()) << status.message();
    std::vector<int32_t> out;
    for (size_t id = 0; id < banned.size(); ++id) {
      if (!banned[id]) out.push_back(static_cast<int32_t>(id));
    }
    return out;
  }

  // A token for each byte.
  std::vector<int32_t> spelled(std::string_view text) const {
    std::vector<int32_t> out;
    for (size_t i = 0; i < text.size(); ++i) out.push_back(id(text.substr(i, 1)));
    return out;
  }

  // The answer, begun with `out`, of a model that would say `said` if it were let, under a grammar
  // of sevens and a bound of twelve tokens of thought.
  std::vector<int32_t> bounded(const std::vector<int32_t>& said, std::vector<int32_t> out) {
    AnswerConstraint c = constraint("7+", Form::chat_in_thought);
    ThoughtOptions options;
    options.tokens_max = 12;
    ThoughtLimit limit(ThoughtTracker(*tokenizer_, Form::chat_in_thought),
                       {id("."), id("</think>"), id("\n")}, options);
    while (out.size() < said.size()) {
      const std::vector<int32_t> may = allowed(c, out);
      const std::optional<int32_t> forced = limit.next(out);
      EXPECT_TRUE(forced || has(may, said[out.size()])) << out.size();
      out.push_back(forced.value_or(said[out.size()]));
    }
    return out;
  }

  int32_t id(std::string_view text) const { return tokenizer_->find(text).value(); }
  int32_t eos() const { return *tokenizer_->eos(); }
  static bool has(const std::vector<int32_t>& ids, int32_t id) {
    return std::ranges::find(ids, id) != ids.end();
  }

  std::optional<Tokenizer> tokenizer_;
  std::optional<ConstraintVocabulary> vocabulary_;
};

TEST_F(ConstrainedAnswer, BeginsAtOnceAndEndsWhereComplete) {
  AnswerConstraint c = constraint("1+2", Form::raw);
  EXPECT_EQ(allowed(c, {}), std::vector<int32_t>{id("1")});
  EXPECT_FALSE(has(allowed(c, {id("1")}), eos()));
  EXPECT_TRUE(has(allowed(c, {id("1"), id("1")}), id("2")));
  EXPECT_EQ(allowed(c, {id("1"), id("1"), id("2")}), std::vector<int32_t>{eos()});
}

TEST_F(ConstrainedAnswer, LeavesAThoughtFreeButNotItsEnd) {
  AnswerConstraint c = constraint("7", Form::chat_in_thought);
  const std::vector<int32_t> free = allowed(c, {});
  EXPECT_TRUE(has(free, id("3")));
  EXPECT_TRUE(has(free, id("</think>")));
  EXPECT_FALSE(has(free, eos()));
  std::vector<int32_t> answer = {id("3"), id("</think>")};
  const std::vector<int32_t> after = allowed(c, answer);
  EXPECT_TRUE(has(after, id("7")));
  EXPECT_FALSE(has(after, id("3")));
  EXPECT_FALSE(has(after, eos()));
  answer.push_back(id("7"));
  EXPECT_EQ(allowed(c, answer), std::vector<int32_t>{eos()});
}

TEST_F(ConstrainedAnswer, AModelMayOpenItsOwnThoughtFirst) {
  AnswerConstraint c = constraint("7", Form::chat);
  EXPECT_TRUE(has(allowed(c, {}), id("<think>")));
  EXPECT_TRUE(has(allowed(c, {}), id("7")));
  EXPECT_FALSE(has(allowed(c, {}), id("3")));
  EXPECT_TRUE(has(allowed(c, {id("<think>")}), id("3")));
  AnswerConstraint raw = constraint("7", Form::raw);
  EXPECT_EQ(allowed(raw, {}), std::vector<int32_t>{id("7")});
}

TEST_F(ConstrainedAnswer, MarksOfACallAreTokensThatNoTextSpells) {
  ToolManner manner;
  manner.dialect = ToolDialect::deepseek;
  manner.frame = usual_tool_frame(manner.dialect);
  const ToolMarkIds marks(manner.dialect, *tokenizer_);
  ASSERT_TRUE(marks.complete());
  vocabulary_.emplace(*tokenizer_, tokenizer_->vocab_size(), std::vector<int32_t>{eos()},
                      marks.ids());
  const auto& tokens = vocabulary_->tokens();
  for (int32_t i = 0; i < tokenizer_->vocab_size(); ++i) {
    EXPECT_EQ(tokens->bytes(i).find('\xFF') != std::string_view::npos, marks.find(i).has_value());
  }
  OutputFormat format;
  format.tools.emplace();
  format.tools->tools = Json::array({{{"function", {{"name", "now"}}}}});
  format.tools->must_call = true;
  const auto grammar = compile_format(format, tokens, manner);
  ASSERT_TRUE(grammar) << grammar.status().message();
  AnswerConstraint c(*vocabulary_, *grammar, Form::raw);
  std::vector<int32_t> answer;
  const auto say = [&](std::string_view text) {
    for (const int32_t next : spelled(text)) {
      EXPECT_TRUE(has(allowed(c, answer), next)) << text;
      answer.push_back(next);
    }
  };
  const auto only = [&](std::string_view mark) {
    EXPECT_EQ(allowed(c, answer), std::vector<int32_t>{id(mark)});
    answer.push_back(id(mark));
  };
  only("<｜tool▁calls▁begin｜>");
  only("<｜tool▁call▁begin｜>");
  say("function");
  only("<｜tool▁sep｜>");
  say("now\n```json\n{}\n```");
  only("<｜tool▁call▁end｜>");
  EXPECT_FALSE(has(allowed(c, answer), eos()));
  answer.push_back(id("<｜tool▁calls▁end｜>"));
  EXPECT_EQ(allowed(c, answer), std::vector<int32_t>{eos()});
}

TEST_F(ConstrainedAnswer, AControlTokenIsNoPartOfIt) {
  std::vector<uint8_t> banned(static_cast<size_t>(tokenizer_->vocab_size()), 0);
  const std::vector<std::vector<int32_t>> begun = {{id("4"), id("</think>")},
                                                   {id("4"), id("</think>"), id("1")}};
  for (const std::vector<int32_t>& before : begun) {
    AnswerConstraint c = constraint("1[0-9]*", Form::chat_in_thought);
    EXPECT_TRUE(c.mask(before, banned).is_ok());
    std::vector<int32_t> answer = before;
    answer.push_back(eos());
    EXPECT_EQ(c.mask(answer, banned).code(), Code::invalid);
  }
}

TEST_F(ConstrainedAnswer, AGrammarAndABoundAgreeOnTheThoughtWholeOrResumed) {
  const std::vector<int32_t> closed = spelled("ab</think>777777777");
  const std::vector<int32_t> endless = spelled("abcdefghijklmno777");
  std::vector<int32_t> cut = spelled("abcdefghijkl");
  cut.insert(cut.end(), {id("."), id("</think>"), id("\n"), id("7"), id("7"), id("7")});
  EXPECT_EQ(bounded(closed, {}), closed);
  EXPECT_EQ(bounded(endless, {}), cut);
  for (auto at = closed.begin(); at != closed.end(); ++at) {
    EXPECT_EQ(bounded(closed, {closed.begin(), at}), closed);
  }
  for (auto at = cut.begin(); at != cut.end(); ++at) {
    EXPECT_EQ(bounded(endless, {cut.begin(), at}), cut);
  }
}

TEST_F(ConstrainedAnswer, ASpelledThoughtIsOneAndMayBeTakenBack) {
  AnswerConstraint c = constraint("<think>|7", Form::chat);
  const std::vector<int32_t> behind = allowed(c, spelled("<think>ab</think>"));
  EXPECT_TRUE(has(behind, id("7")));
  EXPECT_FALSE(has(behind, id("a")));
  EXPECT_TRUE(has(allowed(c, spelled("<think>")), id("a")));
  EXPECT_FALSE(has(allowed(c, spelled("<thin")), id("a")));
  EXPECT_TRUE(has(allowed(c, {}), id("<think>")));
}

TEST_F(ConstrainedAnswer, TokensAreTakenBack) {
  AnswerConstraint c = constraint("1[0-9]*", Form::chat_in_thought);
  std::vector<int32_t> answer = {id("4"), id("</think>"), id("1"), id("2"), id("3")};
  EXPECT_TRUE(has(allowed(c, answer), eos()));
  answer.resize(2);
  const std::vector<int32_t> back = allowed(c, answer);
  EXPECT_TRUE(has(back, id("1")));
  EXPECT_FALSE(has(back, id("2")));
  answer.resize(1);
  EXPECT_TRUE(has(allowed(c, answer), id("2")));
}

TEST(BanAllBut, BansWhatIsNotAllowedAndFreesNothing) {
  std::mt19937_64 random(5);
  for (size_t size = 0; size < 400; ++size) {
    std::vector<uint64_t> allowed((size + 63) / 64);
    for (uint64_t& word : allowed) {
      const uint64_t kind = random() % 4;
      word = kind == 0 ? 0 : kind == 1 ? ~uint64_t{0} : random();
    }
    std::vector<uint8_t> banned(size), expected(size);
    for (size_t id = 0; id < size; ++id) {
      banned[id] = random() % 3 == 0;
      expected[id] = banned[id] || !(allowed[id / 64] >> (id % 64) & 1);
    }
    ban_all_but(allowed, banned);
    EXPECT_EQ(banned, expected) << size;
  }
}

TEST(GrammarCacheTest, KeepsAboutAsManyAsItMay) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  GrammarCache cache(
      std::make_shared<const grammar::TokenTrie>(grammar::TokenTrie::of(std::move(tokens))));
  const auto first = cache.get({OutputFormat::Kind::regex, "a"}, 0);
  EXPECT_EQ(*first, *cache.get({OutputFormat::Kind::regex, "a"}, 0));
  EXPECT_NE(*first, *cache.get({OutputFormat::Kind::regex, "a"}, 1));
  for (size_t i = 0; i <= GrammarCache::kGrammarsMax; ++i) {
    ASSERT_TRUE(cache.get({OutputFormat::Kind::regex, "b" + std::to_string(i)}, 0).has_value());
  }
  EXPECT_NE(*first, *cache.get({OutputFormat::Kind::regex, "a"}, 0));
  EXPECT_FALSE(cache.get({OutputFormat::Kind::regex, "("}, 0).has_value());
}

// Schemas that are too large together are kept by nobody, and that is told from the cache, too.
TEST(GrammarCacheTest, TellsWhichToolsAreLoose) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  ToolManner manner;
  manner.frame = usual_tool_frame(manner.dialect);
  GrammarCache cache(
      std::make_shared<const grammar::TokenTrie>(grammar::TokenTrie::of(std::move(tokens))),
      manner);
  OutputFormat format;
  format.tools.emplace();
  format.tools->tools = Json::array();
  const auto offer = [&](std::string_view name, std::string_view schema) {
    format.tools->tools.push_back(*parse_json(
        fmt::format(R"({{"function":{{"name":"{}","parameters":{}}}}})", name, schema)));
  };
  const auto told = [&] {
    std::vector<LooseTool> loose = {{"of", "before"}};
    EXPECT_TRUE(cache.get(format, 0, &loose));
    std::string out;
    for (const LooseTool& tool : loose) out += fmt::format("{}:{} ", tool.name, tool.keyword);
    return out;
  };
  const std::string large =
      fmt::format(R"({{"properties":{{"x":{{"const":"{}"}}}}}})", std::string(600'000, 'x'));
  offer("a", large);
  EXPECT_EQ(told(), "");
  offer("b", R"({"not":{}})");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(told(), "b:not ");
  offer("c", large);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(told(), "a: b: c: ");
  format.tools->tools[0]["function"]["strict"] = true;
  EXPECT_FALSE(cache.get(format, 0));
}

// Ten thousand schemas, each another one: the cache stays within its bytes, and holds none of the
// grammars that it dropped.
TEST(GrammarCacheTest, TenThousandSchemasTakeTheMemoryOfAFew) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  const auto trie =
      std::make_shared<const grammar::TokenTrie>(grammar::TokenTrie::of(std::move(tokens)));
  const auto schema = [](int i) {
    return OutputFormat{
        OutputFormat::Kind::json_schema,
        fmt::format(R"({{"type":"object","properties":{{"m{}":{{"type":"integer"}}}},)"
                    R"("required":["m{}"]}})",
                    i, i)};
  };
  GrammarCache whole(trie);
  ASSERT_TRUE(whole.get(schema(0), 0).has_value());
  const int64_t one = whole.bytes();
  ASSERT_GT(one, 0);
  const int64_t bound = 8 * one + one / 2;  // the members' names differ in length by little
  GrammarCache cache(trie, std::nullopt, bound);
  std::vector<std::weak_ptr<grammar::CompiledGrammar>> made;
  size_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto grammar = cache.get(schema(i), 0);
    ASSERT_TRUE(grammar.has_value()) << grammar.status().message();
    made.push_back(*grammar);
    ASSERT_LE(cache.bytes(), bound) << i;
    most = std::max(most, cache.size());
  }
  EXPECT_GE(most, 4u);
  EXPECT_LT(most, GrammarCache::kGrammarsMax) << "the number was reached before the bytes";
  const auto alive = std::ranges::count_if(made, [](const auto& g) { return !g.expired(); });
  EXPECT_EQ(static_cast<size_t>(alive), cache.size());
}

}  // namespace
}  // namespace hearth
