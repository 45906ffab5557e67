// The explicit label in the pieces of an answer.
#include "hearth/serve/content_label.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::serve {
namespace {

const std::string kPrefix(label::explicit_text(label::Placement::prefix, label::Language::english));
const std::string kSuffix(label::explicit_text(label::Placement::suffix, label::Language::english));

label::Policy policy_of(label::Placement placement) {
  label::Policy policy;
  policy.placement = placement;
  return policy;
}

Piece piece_of(const std::string& text, const std::string& finish = "") {
  Piece piece;
  piece.text = text;
  piece.finish = finish;
  return piece;
}

Piece thought_of(const std::string& text) {
  Piece piece = piece_of(text);
  piece.thought = true;
  return piece;
}

// The answer's text of choice 0, however its pieces come.
std::string labelled(label::Placement placement, const std::vector<Piece>& pieces, size_t at_once) {
  AnswerLabeller labeller(policy_of(placement), 1);
  std::string out;
  for (size_t at = 0; at < pieces.size(); at += at_once) {
    std::vector<Piece> some(
        pieces.begin() + static_cast<long>(at),
        pieces.begin() + static_cast<long>(std::min(at + at_once, pieces.size())));
    labeller.label(some);
    for (const Piece& piece : some) out += piece.thought ? "" : piece.text;
  }
  return out;
}

TEST(ContentLabel, TheSameHoweverThePiecesCome) {
  const std::vector<Piece> pieces = {thought_of("hm"), piece_of("a"), piece_of(""), piece_of("b"),
                                     piece_of("", "stop")};
  for (size_t at_once = 1; at_once <= pieces.size(); ++at_once) {
    EXPECT_EQ(labelled(label::Placement::prefix, pieces, at_once), kPrefix + "ab");
    EXPECT_EQ(labelled(label::Placement::suffix, pieces, at_once), "ab" + kSuffix);
    EXPECT_EQ(labelled(label::Placement::interface, pieces, at_once), "ab");
  }
}

TEST(ContentLabel, ThoughtsAndCallsStayAsTheyAre) {
  AnswerLabeller labeller(policy_of(label::Placement::prefix), 1);
  Piece call = piece_of("{\"a\":1}");
  call.call = 0;
  std::vector<Piece> pieces = {thought_of("hm"), call};
  labeller.label(pieces);
  EXPECT_EQ(pieces[0].text, "hm");
  EXPECT_EQ(pieces[1].text, "{\"a\":1}");
}

TEST(ContentLabel, EachChoiceHasItsOwn) {
  AnswerLabeller labeller(policy_of(label::Placement::prefix), 2);
  std::vector<Piece> pieces = {piece_of("a"), piece_of("b")};
  pieces[1].choice = 1;
  labeller.label(pieces);
  EXPECT_EQ(pieces[0].text, kPrefix + "a");
  EXPECT_EQ(pieces[1].text, kPrefix + "b");
}

TEST(ContentLabel, AnEmptyAnswerIsLabelledToo) {
  EXPECT_EQ(labelled(label::Placement::prefix, {piece_of("", "stop")}, 1), kPrefix);
  EXPECT_EQ(labelled(label::Placement::suffix, {piece_of("", "stop")}, 1), kSuffix);
}

TEST(ContentLabel, FormsToolsAndCompletionsTakeNoWords) {
  GenerationRequest request;
  EXPECT_TRUE(takes_explicit_label(request));
  request.format.kind = OutputFormat::Kind::regex;
  EXPECT_FALSE(takes_explicit_label(request));
  request.format.kind = OutputFormat::Kind::text;
  request.chat.tools = Json::array({Json::object()});
  EXPECT_FALSE(takes_explicit_label(request));
  request.chat.tools = nullptr;
  request.endpoint = Endpoint::completion;
  EXPECT_FALSE(takes_explicit_label(request));
}

TEST(ContentLabel, WhatAClientSendsBackIsWhatTheModelWrote) {
  GenerationRequest request;
  request.chat.messages = Json::array({{{"role", "user"}, {"content", kPrefix + "q"}},
                                       {{"role", "assistant"}, {"content", kPrefix + "a"}},
                                       {{"role", "assistant"}, {"content", "b" + kSuffix}},
                                       {{"role", "assistant"}, {"content", nullptr}}});
  remove_explicit_labels(request);
  EXPECT_EQ(request.chat.messages[0]["content"], kPrefix + "q");
  EXPECT_EQ(request.chat.messages[1]["content"], "a");
  EXPECT_EQ(request.chat.messages[2]["content"], "b");
  EXPECT_TRUE(request.chat.messages[3]["content"].is_null());
}

}  // namespace
}  // namespace hearth::serve
