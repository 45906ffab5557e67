// Needles: where they lie, how long their texts are, what is a right reply.
#include "hearth/eval/needle.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth {
namespace {

// A tokenizer of words and punctuation, another of groups of three bytes.
int64_t words(std::string_view text) {
  int64_t n = 0;
  bool inside = false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != ' ' && c != '\n') ++n;
    if (letter && !inside) ++n;
    inside = letter;
  }
  return n;
}
int64_t triples(std::string_view text) {
  return (std::ssize(text) + 2) / 3;
}

TEST(Needle, TextsHaveTheirLengthAndNeedlesTheirDepth) {
  for (const CountTokens& count : {CountTokens(words), CountTokens(triples)}) {
    const NeedleOptions options = {{200, 1000, 5000}, {0, 10, 50, 100}, 2, 7};
    const auto items = needle_items(options, count);
    ASSERT_TRUE(items.has_value()) << items.status().message();
    ASSERT_EQ(items->size(), 24u);
    std::set<std::string> numbers, ids;
    size_t i = 0;
    for (const int64_t length : options.lengths) {
      for (const double depth : options.depths) {
        for (int64_t n = 0; n < 2; ++n) {
          const EvalItem& item = (*items)[i++];
          EXPECT_EQ(item.cell.row, fmt::format("{} tokens", length));
          EXPECT_EQ(item.cell.column, fmt::format("{:g} %", depth));
          EXPECT_LE(count(item.prompt), length);
          EXPECT_GT(count(item.prompt), length - 40);  // of one sentence
          const size_t at = item.prompt.find(item.answer);
          ASSERT_NE(at, item.prompt.npos);
          EXPECT_EQ(item.prompt.find(item.answer, at + 1), item.prompt.npos);
          const double begin = static_cast<double>(item.prompt.find("\n\n"));
          const double end = static_cast<double>(item.prompt.rfind("\n\n"));
          const double part = (static_cast<double>(at) - begin) / (end - begin);
          const double slack = 120 / (end - begin);  // half a sentence, and the fact itself
          EXPECT_NEAR(part, depth / 100, slack) << item.id;
          numbers.insert(item.answer);
          ids.insert(item.id);
        }
      }
    }
    EXPECT_EQ(numbers.size(), 24u);
    EXPECT_EQ(ids.size(), 24u);
  }
}

TEST(Needle, ASeedGivesTheSameTextsAndAnotherOthers) {
  NeedleOptions options = {{300}, {50}, 3, 1};
  const auto prompts = [&] {
    std::vector<std::string> out;
    const auto items = needle_items(options, words);
    EXPECT_TRUE(items.has_value());
    for (const EvalItem& item : *items) out.push_back(item.prompt);
    return out;
  };
  const auto first = prompts();
  EXPECT_EQ(prompts(), first);
  EXPECT_NE(first[0], first[1]);
  options.seed = 2;
  EXPECT_NE(prompts()[0], first[0]);
}

TEST(Needle, TheNumberMustStandAlone) {
  const Suite suite = needle_suite({});
  EvalItem item;
  item.answer = "1234567";
  for (const char* right : {"1234567", "It is 1234567.", "1,234,567", "**1 234 567**",
                            "not 7654321 but 1234567", "1234567, 5"}) {
    EXPECT_TRUE(suite.judge(item, right)->right()) << right;
  }
  for (const char* wrong : {"", "12345678", "91234567", "123456", "1,234,56", "1234,5678"}) {
    EXPECT_FALSE(suite.judge(item, wrong)->right()) << wrong;
  }
}

TEST(Needle, WrongNumbersAreRefused) {
  const auto refused = [](NeedleOptions options) {
    return needle_items(options, words).status().message();
  };
  EXPECT_NE(refused({{100}, {50}, 1, 0}).find("--lengths: expected 128"), std::string::npos);
  EXPECT_NE(refused({{1000}, {101}, 1, 0}).find("--depths"), std::string::npos);
  EXPECT_NE(refused({{1000}, {std::nan("")}, 1, 0}).find("--depths"), std::string::npos);
  EXPECT_NE(refused({{}, {50}, 1, 0}).find("found 0 and 1"), std::string::npos);
  EXPECT_NE(refused({{1 << 24}, {0, 50}, 100, 0}).find("in all prompts"), std::string::npos);
}

}  // namespace
}  // namespace hearth
