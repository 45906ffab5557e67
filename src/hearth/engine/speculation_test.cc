// Guesses change nothing that a user sees: replies of the bundled model with all manners of bounds
// laid over them are the same with guesses as without, token by token, alone and together.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "hearth/engine/generation.h"
#include "hearth/engine/ngram_drafter.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/testing.h"

namespace hearth {
namespace {

using test::Mini;

// By repetition, and where there is none whatever comes to mind: most guesses are wrong.
class Guesser : public Drafter {
 public:
  void draft(std::span<const int32_t> tokens, int64_t count,
             std::vector<int32_t>& drafts) override {
    repeated_.draft(tokens, count, drafts);
    if (!drafts.empty()) return;
    for (int64_t i = 0; i < count; ++i) drafts.push_back(static_cast<int32_t>(random_() % 300));
  }

 private:
  NgramDrafter repeated_;
  std::mt19937 random_{17};
};

std::shared_ptr<grammar::CompiledGrammar> some_grammar(uint32_t which) {
  const std::vector<OutputFormat> formats = {
      {OutputFormat::Kind::json_object, ""},
      {OutputFormat::Kind::regex, "(yes|no)( [a-z]{3,9}){2,20}"},
      {OutputFormat::Kind::json_schema,
       R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"array",
           "items":{"enum":["x","yy"]},"minItems":4}},"required":["a","b"]})"}};
  auto compiled = compile_format(formats[which % formats.size()],
                                 Mini::get().model->constraint_vocabulary().tokens());
  EXPECT_TRUE(compiled.has_value()) << compiled.status().message();
  return *compiled;
}

TextRequest random_request(std::mt19937& random) {
  const std::vector<std::string> questions = {
      "37*48=?", "Repeat after me: one two three one two three one two three.", "你好",
      "12+3456=? Think about 12+3456, 12+3456 and 12+3456."};
  TextRequest r;
  ChatRequest chat;
  chat.messages = {{{"role", "user"}, {"content", questions[random() % questions.size()]}}};
  r.prompt = *Mini::get().model->chat(chat);
  r.max_tokens = 1 + static_cast<int64_t>(random() % 90);
  r.sampling.temperature = random() % 2 ? 0 : 0.8;
  r.sampling.repetition_penalty = random() % 4 ? 1 : 1.1;
  r.sampling.seed = random();
  if (random() % 3 == 0) r.stop = {"3", " the"};
  if (random() % 2) r.thought.tokens_max = random() % 2 ? 0 : 12;
  if (random() % 3 == 0) r.thought.end_loops = true;
  if (random() % 2) r.grammar = some_grammar(static_cast<uint32_t>(random()));
  return r;
}

std::vector<TextReply> replies_to(const std::vector<TextRequest>& requests, bool guesses,
                                  DraftStats& drafts) {
  EngineOptions options;
  options.context = 512;
  options.kv_blocks = 24;
  options.drafts_always = guesses;
  if (guesses) options.make_drafter = [] { return std::make_unique<Guesser>(); };
  Engine engine(Mini::get().model->model(), Mini::get().backend, options,
                Mini::get().model->banned());
  auto replies = generate(*Mini::get().model, engine, requests);
  EXPECT_TRUE(replies.has_value()) << replies.status().message();
  drafts.drafted += engine.draft_stats().drafted;
  drafts.accepted += engine.draft_stats().accepted;
  return replies.has_value() ? *std::move(replies) : std::vector<TextReply>();
}

void compare(int count) {
  std::mt19937 random(2);
  DraftStats plain, drafts;
  for (int done = 0; done < count;) {
    std::vector<TextRequest> requests(random() % 3 ? 1 + random() % 8 : 1);
    for (TextRequest& r : requests) r = random_request(random);
    done += static_cast<int>(requests.size());
    const auto expected = replies_to(requests, false, plain);
    const auto found = replies_to(requests, true, drafts);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].output_ids, expected[i].output_ids) << done << " " << i;
      ASSERT_EQ(found[i].text, expected[i].text);
      ASSERT_EQ(found[i].reasoning, expected[i].reasoning);
      ASSERT_EQ(found[i].finish_reason, expected[i].finish_reason);
    }
  }
  EXPECT_EQ(plain.drafted, 0);
  EXPECT_GT(drafts.accepted, count / 4) << "nothing was guessed";
  EXPECT_GT(drafts.drafted, 2 * drafts.accepted) << "guesses were too good to test anything";
}

TEST(Speculation, RepliesAreTheSame) {
  compare(200);
}

TEST(Speculation, DISABLED_TenThousandRepliesAreTheSame) {
  compare(10000);
}

}  // namespace
}  // namespace hearth
