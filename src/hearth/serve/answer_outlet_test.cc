// What an answer that must bear its mark shows, and when: held, let out with the tokens that the
// channel is told of, withheld at its end, and not held again where another server began it.
#include "hearth/serve/answer_outlet.h"

#include <gtest/gtest.h>

#include "hearth/serve/testing.h"

namespace hearth::serve {
namespace {

// An answer of characters, each a token and a piece of its own.
class Answer {
 public:
  explicit Answer(bool required) {
    if (required) outlet_.require(mini().tokenizer(), AnswerText::Form::raw, mark_);
  }

  static int32_t id(char c) { return mini().tokenizer().find(std::string_view(&c, 1)).value(); }
  static std::vector<Piece> piece(const std::string& text) {
    std::vector<Piece> out(1);
    out[0].text = text;
    return out;
  }

  void replay(std::string_view text) {
    for (const char c : text) outlet_.replay(id(c), piece(std::string(1, c)));
  }
  // What the channel has after each of `text`.
  std::string put(std::string_view text) {
    for (const char c : text) outlet_.put(channel_, id(c), piece(std::string(1, c)), true);
    return taken();
  }
  bool end() { return outlet_.end(channel_, {}); }
  std::string taken() {
    std::string out;
    for (const Piece& p : channel_.take().pieces) out += p.text;
    return out;
  }

 private:
  const watermark::Mark mark_ = [] {
    watermark::Mark mark;
    mark.keys.race = {7, 1};
    mark.required = true;
    return mark;
  }();
  AnswerChannel channel_{true, 1 << 20};
  AnswerOutlet outlet_;
};

TEST(AnswerOutlet, LetsOutWhatWasHeldWithTheFirstMarkedToken) {
  Answer answer(true);
  EXPECT_EQ(answer.put("1234"), "");
  EXPECT_EQ(answer.put("5"), "12345");
  EXPECT_EQ(answer.put("6"), "6");
  EXPECT_TRUE(answer.end());
}

TEST(AnswerOutlet, WithholdsWhatEndsBefore) {
  Answer answer(true);
  EXPECT_EQ(answer.put("1234"), "");
  EXPECT_FALSE(answer.end());
  EXPECT_EQ(answer.taken(), "");
}

TEST(AnswerOutlet, HoldsNothingWhereNoMarkIsRequired) {
  Answer answer(false);
  EXPECT_EQ(answer.put("1"), "1");
  EXPECT_TRUE(answer.end());
}

TEST(AnswerOutlet, WhatAnotherServerShowedCounts) {
  Answer answer(true);
  answer.replay("12345");
  EXPECT_EQ(answer.put("6"), "6");
  Answer shorter(true);
  shorter.replay("123");
  EXPECT_EQ(shorter.put("4"), "");
  EXPECT_EQ(shorter.put("5"), "45");
}

}  // namespace
}  // namespace hearth::serve
