// A bounded thought is closed at its place, whole or resumed; what isn't a thought is left alone.
#include "hearth/engine/thought_limit.h"

#include <gtest/gtest.h>

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

TEST(ThoughtLimit, LoopsEnd) {
  for (int32_t period : {1, 7, 100, 128}) {
    std::vector<int32_t> said;
    for (int32_t i = 0; i < 1200; ++i) said.push_back(10 + i % period);
    const auto given = answer(limit(true, std::nullopt, true), said);
    const auto end = std::find(given.begin(), given.end(), kEnd) - given.begin();
    EXPECT_LE(end, std::max(192, 4 * period) + period + 2) << period;
    EXPECT_EQ(answer(limit(true, std::nullopt), said), said) << "nobody asked for it";
  }
  std::mt19937 random(7);
  std::vector<int32_t> lively(3000);
  for (int32_t& id : lively) id = static_cast<int32_t>(10 + random() % 50);
  EXPECT_EQ(answer(limit(true, std::nullopt, true), lively), lively);
}

}  // namespace
}  // namespace hearth
