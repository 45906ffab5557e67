// A bounded thought is closed at its place, whole or resumed; what isn't a thought is left alone.
#include "hearth/engine/thought_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hearth {
namespace {

using Form = AnswerStream::Form;

const Tokenizer& tokenizer() {
  static const Tokenizer mini = [] {
    const auto checkpoint = Checkpoint::open(HEARTH_SOURCE_DIR "/assets/mini");
    CHECK(checkpoint.has_value());
    auto loaded = load_tokenizer(*checkpoint);
    CHECK(loaded.has_value());
    return *std::move(loaded);
  }();
  return mini;
}

const int32_t kBegin = tokenizer().find("<think>").value();
const int32_t kEnd = tokenizer().find("</think>").value();

ThoughtLimit limit(bool open, std::optional<int64_t> tokens, bool loops = false) {
  ThoughtOptions options;
  options.tokens_max = tokens;
  options.end_loops = loops;
  const ThoughtTracker tracker(tokenizer(), open ? Form::chat_in_thought : Form::chat);
  return {tracker, {90, kEnd, 91}, options};
}

// A token for each byte.
std::vector<int32_t> spelled(std::string_view text) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < text.size(); ++i) {
    out.push_back(tokenizer().find(text.substr(i, 1)).value());
  }
  return out;
}

// The answer that a model gives which would say `said` if it were let.
std::vector<int32_t> answer(ThoughtLimit limit, const std::vector<int32_t>& said) {
  std::vector<int32_t> out;
  for (int32_t id : said) out.push_back(limit.next(out).value_or(id));
  return out;
}

TEST(ThoughtLimit, ClosesAtItsPlace) {
  const std::vector<int32_t> said = {10, 11, 12, 13, 14, 15, 16};
  EXPECT_EQ(answer(limit(true, 2), said), (std::vector<int32_t>{10, 11, 90, kEnd, 91, 15, 16}));
  EXPECT_EQ(answer(limit(true, 0), said), (std::vector<int32_t>{90, kEnd, 91, 13, 14, 15, 16}));
  EXPECT_EQ(answer(limit(false, 2), said), said) << "no thought";
  EXPECT_EQ(answer(limit(true, 4), {10, kEnd, 11, 12, 13, 14}),
            (std::vector<int32_t>{10, kEnd, 11, 12, 13, 14}))
      << "a thought that ends before";
  EXPECT_EQ(answer(limit(false, 1), {kBegin, 10, 11, 12, 13, 14}),
            (std::vector<int32_t>{kBegin, 10, 90, kEnd, 91, 14}));
  EXPECT_EQ(answer(limit(false, 0), {kBegin, 10, 11, 12}),
            (std::vector<int32_t>{kBegin, 90, kEnd, 91}));
  EXPECT_EQ(answer(limit(false, 1), {10, kBegin, 11, 12}),
            (std::vector<int32_t>{10, kBegin, 11, 12}))
      << "only a beginning is a thought";
}

// Tags count as the text that they are, whatever tokens it is made of.
TEST(ThoughtLimit, TagsMayBeSpelled) {
  const std::vector<int32_t> closed = spelled("ab</think>cdefgh");
  EXPECT_EQ(answer(limit(true, 12), closed), closed);
  std::vector<int32_t> bounded = spelled("\n<think>ab");
  bounded.insert(bounded.end(), {90, kEnd, 91});
  EXPECT_EQ(answer(limit(false, 2), spelled("\n<think>abcde")), bounded);
  const int32_t newline = spelled("\n")[0];
  EXPECT_EQ(answer(limit(false, 1), {newline, kBegin, 10, 11, 12, 13}),
            (std::vector<int32_t>{newline, kBegin, 10, 90, kEnd, 91}));
  const std::vector<int32_t> other = spelled("<thing>abcdefgh");
  EXPECT_EQ(answer(limit(false, 1), other), other) << "no tag";
}

TEST(ThoughtLimit, AResumedAnswerEndsItsThoughtAtTheSamePlace) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<int32_t> said(60);
    for (int32_t& id : said) id = static_cast<int32_t>(10 + random() % 3);
    if (round % 3 == 0) said[random() % said.size()] = kEnd;
    const auto tokens = static_cast<int64_t>(random() % 70);
    const auto whole = answer(limit(true, tokens, round % 2 == 0), said);
    ThoughtLimit resumed = limit(true, tokens, round % 2 == 0);
    std::vector<int32_t> out(whole.begin(), whole.begin() + static_cast<long>(random() % 60));
    while (out.size() < said.size()) {
      out.push_back(resumed.next(out).value_or(said[out.size()]));
    }
    EXPECT_EQ(out, whole);
  }
}

// Periods as models fall into them, from one token to pages; behind a beginning that goes nowhere.
TEST(ThoughtLimit, LoopsEnd) {
  std::mt19937 random(11);
  for (const size_t period : {1u, 7u, 100u, 128u, 129u, 500u, 1000u, 2500u, 4096u}) {
    std::vector<int32_t> round(period), said;
    for (int32_t& id : round) id = static_cast<int32_t>(10 + random() % 40);
    for (size_t i = random() % 300; i > 0; --i)
      said.push_back(static_cast<int32_t>(60 + random() % 9));
    const size_t begun = said.size();
    while (said.size() < begun + 4 * period + 1200) {
      said.push_back(round[(said.size() - begun) % period]);
    }
    const auto given = answer(limit(true, std::nullopt, true), said);
    const auto end = static_cast<size_t>(std::ranges::find(given, kEnd) - given.begin());
    const size_t needed =
        period <= 128 ? std::max<size_t>(192, 4 * period) : std::max<size_t>(512, 2 * period);
    EXPECT_GE(end, begun + needed) << period;
    EXPECT_LE(end, begun + needed + period + 64 + 2) << period;
    EXPECT_EQ(answer(limit(true, std::nullopt), said), said) << "nobody asked for it";
  }
}

// What the Z array says is what counting for each period says.
TEST(ThoughtLimit, LoopsEndWhereCountingSaysSo) {
  std::mt19937 random(13);
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<int32_t> said;
    while (said.size() < 3000) {  // pieces, each some rounds of a period of its own
      const size_t period = 1 + random() % 400, rounds = 1 + random() % 4;
      const size_t from = said.size();
      for (size_t i = 0; i < period; ++i) said.push_back(static_cast<int32_t>(10 + random() % 2));
      for (size_t i = 0; i < period * rounds; ++i) said.push_back(said[from + i]);
    }
    const auto loops_at = [&](size_t size) {
      for (size_t period = 1; period < size; ++period) {
        size_t same = 0;
        while (same + period < size && said[size - 1 - same] == said[size - 1 - same - period])
          ++same;
        if (same >= (period <= 128 ? std::max<size_t>(192, 4 * period)
                                   : std::max<size_t>(512, 2 * period))) {
          return true;
        }
      }
      return false;
    };
    size_t expected = 64;
    while (expected < said.size() && !loops_at(expected)) expected += 64;
    const auto given = answer(limit(true, std::nullopt, true), said);
    const auto end = static_cast<size_t>(std::ranges::find(given, kEnd) - given.begin());
    EXPECT_EQ(end, expected < said.size() ? expected + 1 : said.size()) << trial;
  }
}

TEST(ThoughtLimit, WhatGoesOnIsNoLoop) {
  std::mt19937 random(7);
  std::vector<int32_t> lively(20'000);
  for (int32_t& id : lively) id = static_cast<int32_t>(10 + random() % 50);
  EXPECT_EQ(answer(limit(true, std::nullopt, true), lively), lively);
  std::vector<int32_t> twice(lively.begin(), lively.begin() + 1000);  // once more is no loop yet
  twice.insert(twice.end(), lively.begin(), lively.begin() + 1900);
  EXPECT_EQ(answer(limit(true, std::nullopt, true), twice), twice);
}

}  // namespace
}  // namespace hearth
