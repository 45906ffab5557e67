// Guesses change nothing that a user sees: replies of the bundled model with all manners of bounds
// laid over them are the same with guesses as without, token by token, alone and together.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "hearth/engine/fitted_mtp.h"
#include "hearth/engine/generation.h"
#include "hearth/engine/ngram_drafter.h"
#include "hearth/engine/output_format.h"
#include "hearth/engine/testing.h"
#include "hearth/models/adapters/testing.h"

namespace hearth {
namespace {

using test::Mini;

TextRequest ask(const std::string& question) {
  ChatRequest chat;
  chat.messages = {{{"role", "user"}, {"content", question}}};
  TextRequest r;
  r.prompt = *Mini::get().model->chat(chat);
  return r;
}

const std::vector<std::string> kQuestions = {
    "37*48=?", "Repeat after me: one two three one two three one two three.", "你好",
    "12+3456=? Think about 12+3456, 12+3456 and 12+3456."};

// The same weights, and a layer for multi-token prediction.
Mini& mini_with_mtp() {
  static const std::unique_ptr<Mini> made = [] {
    Mini& plain = Mini::get();
    std::vector<std::vector<int32_t>> texts;
    for (const std::string& question : kQuestions) {
      Engine engine(plain.model->model(), plain.backend, {}, plain.model->banned());
      for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
        TextRequest r = ask(question);
        r.max_tokens = 90;
        r.sampling.seed = seed;
        texts.push_back(r.prompt.ids);
        const auto replies = generate(*plain.model, engine, {r});
        CHECK(replies.has_value());
        const auto& answer = replies->front().output_ids;
        texts.back().insert(texts.back().end(), answer.begin(), answer.end());
      }
    }
    const test::AdapterFolder folder;
    test::write_fitted_mtp(folder / "mini", *plain.model, plain.backend, texts);
    LoadOptions options;
    options.hints.mtp = true;
    auto mini = std::make_unique<Mini>(folder / "mini", options);
    CHECK(mini->model->model().has_mtp());
    return mini;
  }();
  return *made;
}

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
  TextRequest r = ask(kQuestions[random() % kQuestions.size()]);
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

enum class Guesses { none, guesser, mtp, model };

// The bundled model in four bits, on its backend.
const Model& coarse_mini() {
  static const std::unique_ptr<TextModel> coarse = [] {
    LoadOptions options;
    options.dtype = Format::q4_0;
    auto loaded = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", Mini::get().backend, options);
    CHECK(loaded.has_value());
    return *std::move(loaded);
  }();
  return coarse->model();
}

std::vector<TextReply> replies_to(const std::vector<TextRequest>& requests, Guesses guesses,
                                  DraftStats& drafts) {
  EngineOptions options;
  options.context = 512;
  options.kv_blocks = 24;
  options.drafts_always = guesses != Guesses::none;
  Mini& mini = guesses == Guesses::mtp ? mini_with_mtp() : Mini::get();
  if (guesses == Guesses::guesser) {
    options.make_drafter = [] { return std::make_unique<Guesser>(); };
  } else if (guesses == Guesses::mtp) {
    options.mtp = true;
    options.drafts_max = 3;
    options.limits.batch_tokens_max = 64;
  } else if (guesses == Guesses::model) {
    options.draft_model = &coarse_mini();
    options.drafts_max = 3;
  }
  Engine engine(mini.model->model(), mini.backend, options, mini.model->banned());
  auto replies = generate(*mini.model, engine, requests);
  EXPECT_TRUE(replies.has_value()) << replies.status().message();
  drafts.drafted += engine.draft_stats().drafted;
  drafts.accepted += engine.draft_stats().accepted;
  return replies.has_value() ? *std::move(replies) : std::vector<TextReply>();
}

DraftStats compare(int count, Guesses guesses) {
  std::mt19937 random(2);
  DraftStats plain, drafts;
  for (int done = 0; done < count;) {
    std::vector<TextRequest> requests(random() % 3 ? 1 + random() % 8 : 1);
    for (TextRequest& r : requests) r = random_request(random);
    done += static_cast<int>(requests.size());
    const auto expected = replies_to(requests, Guesses::none, plain);
    const auto found = replies_to(requests, guesses, drafts);
    EXPECT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
      EXPECT_EQ(found[i].output_ids, expected[i].output_ids) << done << " " << i;
      EXPECT_EQ(found[i].text, expected[i].text);
      EXPECT_EQ(found[i].reasoning, expected[i].reasoning);
      EXPECT_EQ(found[i].finish_reason, expected[i].finish_reason);
    }
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_EQ(plain.drafted, 0);
  return drafts;
}

void compare_guesser(int count) {
  const DraftStats drafts = compare(count, Guesses::guesser);
  EXPECT_GT(drafts.accepted, count / 4) << "nothing was guessed";
  EXPECT_GT(drafts.drafted, 2 * drafts.accepted) << "guesses were too good to test anything";
}

void compare_together(int count, Guesses guesses) {
  const DraftStats drafts = compare(count, guesses);
  EXPECT_GT(drafts.accepted, count) << "nothing was guessed";
  EXPECT_GT(drafts.drafted, drafts.accepted + count) << "no guess was wrong";
  testing::Test::RecordProperty("accepted", std::to_string(drafts.accepted));
  testing::Test::RecordProperty("drafted", std::to_string(drafts.drafted));
}

TEST(Speculation, RepliesAreTheSame) {
  compare_guesser(200);
}

TEST(Speculation, RepliesAreTheSameWithTheModelsOwnLayer) {
  compare_together(200, Guesses::mtp);
}

TEST(Speculation, RepliesAreTheSameWithASmallerModel) {
  compare_together(200, Guesses::model);
}

TEST(Speculation, DISABLED_TenThousandRepliesAreTheSame) {
  compare_guesser(10000);
}

TEST(Speculation, DISABLED_TenThousandRepliesAreTheSameWithTheModelsOwnLayer) {
  compare_together(10000, Guesses::mtp);
}

TEST(Speculation, DISABLED_TenThousandRepliesAreTheSameWithASmallerModel) {
  compare_together(10000, Guesses::model);
}

}  // namespace
}  // namespace hearth
