// Guesses by repetition: what followed the longest earlier occurrence, against a search through all
// of the text.
#include "hearth/engine/ngram_drafter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace hearth {
namespace {

std::vector<int32_t> guess(NgramDrafter& drafter, std::span<const int32_t> tokens, int64_t count) {
  std::vector<int32_t> drafts;
  drafter.draft(tokens, count, drafts);
  return drafts;
}

std::vector<int32_t> guess(const std::vector<int32_t>& tokens, int64_t count) {
  NgramDrafter drafter;
  return guess(drafter, tokens, count);
}

TEST(NgramDrafter, WhatFollowedTheSameTokensFollowsAgain) {
  EXPECT_EQ(guess({1, 2, 3, 40, 50, 60, 9, 1, 2, 3}, 2), (std::vector<int32_t>{40, 50}));
  EXPECT_EQ(guess({1, 2, 3, 40, 1, 2, 3}, 8), (std::vector<int32_t>{40, 1, 2, 3, 40, 1, 2, 3}))
      << "a cycle goes round";
  EXPECT_EQ(guess({7, 7, 7, 7}, 3), (std::vector<int32_t>{7, 7, 7}));
}

TEST(NgramDrafter, TheLongerMatchWinsAndTheLaterOfEquals) {
  EXPECT_EQ(guess({5, 1, 2, 3, 40, 6, 1, 2, 3, 41, 5, 1, 2, 3}, 1), (std::vector<int32_t>{40}));
  EXPECT_EQ(guess({1, 2, 3, 40, 0, 1, 2, 3, 41, 0, 9, 1, 2, 3}, 1), (std::vector<int32_t>{41}));
}

TEST(NgramDrafter, HasNoIdeaWithoutARepetition) {
  EXPECT_TRUE(guess({}, 4).empty());
  EXPECT_TRUE(guess({1}, 4).empty());
  EXPECT_TRUE(guess({1, 2, 3}, 4).empty());
  EXPECT_TRUE(guess({1, 2, 3, 4, 5, 6, 3}, 4).empty()) << "one token is mostly chance";
}

TEST(NgramDrafter, SaysHowManyTokensSpeakForAGuess) {
  NgramDrafter drafter;
  const std::vector<int32_t> tokens = {5, 1, 2, 3, 40, 9, 2, 3, 40, 9, 5, 1, 2, 3};
  EXPECT_EQ(drafter.matched(), 0);
  guess(drafter, std::span(tokens).first(8), 1);
  EXPECT_EQ(drafter.matched(), 2) << "2, 3";
  guess(drafter, std::span(tokens).first(9), 1);
  EXPECT_EQ(drafter.matched(), 3) << "2, 3, 40";
  guess(drafter, std::span(tokens).first(11), 1);
  EXPECT_EQ(drafter.matched(), 0);
  guess(drafter, tokens, 1);
  EXPECT_EQ(drafter.matched(), 4) << "5, 1, 2, 3";
}

// Texts of few symbols, told token by token: every guess continues an occurrence of at least the
// length that a search finds among the occurrences, and none is missed.
TEST(NgramDrafter, FindsWhatASearchFinds) {
  std::mt19937 random(3);
  int found = 0;
  for (int text = 0; text < 40; ++text) {
    NgramDrafter drafter;
    std::vector<int32_t> tokens;
    const auto symbols = 4 + random() % 12;
    while (tokens.size() < 300) {
      tokens.push_back(static_cast<int32_t>(random() % symbols));
      const std::vector<int32_t> drafts = guess(drafter, tokens, 1);
      const auto key = std::span(tokens).last(std::min<size_t>(2, tokens.size()));
      std::vector<int32_t> followers;
      for (size_t end = 2; key.size() == 2 && end < tokens.size(); ++end) {
        if (std::ranges::equal(std::span(tokens).subspan(end - 2, 2), key)) {
          followers.push_back(tokens[end]);
        }
      }
      ASSERT_EQ(drafts.empty(), followers.empty()) << tokens.size();
      if (drafts.empty()) continue;
      ++found;
      int64_t longest = 0;
      for (size_t end = 2; end < tokens.size(); ++end) {
        int64_t n = 0;
        while (n < 32 && n < static_cast<int64_t>(end) &&
               tokens[end - 1 - static_cast<size_t>(n)] ==
                   tokens[tokens.size() - 1 - static_cast<size_t>(n)]) {
          ++n;
        }
        longest = std::max(longest, n);
      }
      ASSERT_EQ(drafter.matched(), longest) << tokens.size();
      ASSERT_NE(std::ranges::find(followers, drafts[0]), followers.end());
    }
  }
  EXPECT_GT(found, 1000);
}

// The table grows in the middle of a text.
TEST(NgramDrafter, LongTextsAreIndexedWhole) {
  std::mt19937 random(4);
  std::vector<int32_t> tokens(5000);
  for (int32_t& id : tokens) id = static_cast<int32_t>(random() % 100000);
  NgramDrafter drafter;
  for (size_t n = 1; n < tokens.size(); n += 97) guess(drafter, std::span(tokens).first(n), 1);
  tokens.insert(tokens.end(), tokens.begin() + 100, tokens.begin() + 110);
  const std::vector<int32_t> expected(tokens.begin() + 110, tokens.begin() + 118);
  EXPECT_EQ(guess(drafter, tokens, 8), expected);
}

}  // namespace
}  // namespace hearth
