// Choices by log-likelihood, held to the logits of the whole texts by brute force.
#include "hearth/eval/likelihood.h"

#include <gtest/gtest.h>

#include <cmath>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/eval/run.h"

namespace hearth {
namespace {

class Likelihood : public testing::Test {
 protected:
  Likelihood() {
    auto loaded = TextModel::load(HEARTH_SOURCE_DIR "/assets/mini", backend_, {});
    CHECK(loaded.has_value());
    model_ = *std::move(loaded);
  }

  EngineOptions options(int64_t chunk) const {
    EngineOptions out;
    out.context = 512;
    out.kv_blocks = 128;
    out.kv_format = Format::f32;
    out.limits.batch_tokens_max = chunk;
    return out;
  }

  // The sum of log-softmax of `end`'s tokens, from the logits of the whole text as one prompt.
  double whole_text(const Continued& text, const std::vector<int32_t>& end) {
    TokenRequest request;
    request.prompt = text.shared;
    request.prompt.insert(request.prompt.end(), end.begin(), end.end());
    request.max_tokens = 0;
    const std::vector<int32_t> ids = request.prompt;
    const auto first = static_cast<int64_t>(text.shared.size());
    double sum = 0;
    int64_t position = 0;
    TokenSink sink;
    sink.on_logits = [&](std::span<const float> row) {
      if (++position < first || position >= std::ssize(ids)) return;
      double total = 0;
      for (const float logit : row) total += std::exp(static_cast<double>(logit));
      sum += row[static_cast<size_t>(ids[static_cast<size_t>(position)])] - std::log(total);
    };
    Engine engine(model_->model(), backend_, options(64), {});
    EXPECT_TRUE(engine.submit(std::move(request), std::move(sink)).has_value());
    while (!engine.idle()) engine.step();
    EXPECT_EQ(position, std::ssize(ids));
    return sum;
  }

  std::vector<MadeReply> replies(const std::vector<EvalItem>& items, int64_t batch, int64_t chunk) {
    Engine engine(model_->model(), backend_, options(chunk), model_->banned());
    std::vector<ReplyTask> tasks(items.size());
    for (size_t i = 0; i < tasks.size(); ++i) tasks[i].item = static_cast<int64_t>(i);
    std::vector<MadeReply> out(items.size());
    const ReplySource source = likelihood_replies(*model_, engine, {batch, nullptr, nullptr});
    const Status made = source(items, tasks, [&](size_t task, MadeReply reply) {
      out[task] = std::move(reply);
      return true;
    });
    EXPECT_TRUE(made.is_ok()) << made.message();
    EXPECT_TRUE(engine.idle());
    return out;
  }

  CpuBackend backend_{1, *cpu::available_tables().front(), Activation::f32};
  std::unique_ptr<TextModel> model_;
};

EvalItem item_of(std::string id, std::string prompt, std::vector<std::string> continuations) {
  EvalItem item;
  item.id = std::move(id);
  item.prompt = std::move(prompt);
  item.continuations = std::move(continuations);
  return item;
}

// Prompts around the length of a KV block, continuations of one and of many tokens, with a common
// beginning and without, one that begins another.
std::vector<EvalItem> mixed_items() {
  std::vector<EvalItem> items;
  for (size_t i = 0; i < 9; ++i) {
    const std::string prompt = fmt::format("{}12+{}=", std::string(i * 17, '7'), 30 + i);
    items.push_back(item_of(fmt::format("sum {}", i), prompt,
                            {fmt::format("{}", 42 + i), "4", "5", fmt::format("{}", 43 + i)}));
    items.push_back(item_of(fmt::format("one {}", i), prompt, {"3", "4", "5"}));
    items.push_back(item_of(fmt::format("long {}", i), prompt, {" because 1", " therefore", "é"}));
  }
  return items;
}

TEST_F(Likelihood, IsTheSumOfLogSoftmaxOfTheWholeText) {
  const std::vector<EvalItem> items = mixed_items();
  const std::vector<MadeReply> made = replies(items, 8, 64);
  std::set<std::string> letters;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto text = continued(*model_, items[i]);
    ASSERT_TRUE(text.has_value()) << text.status().message();
    ASSERT_EQ(made[i].choices.size(), items[i].continuations.size());
    size_t best = 0;
    for (size_t c = 0; c < text->ends.size(); ++c) {
      const double expected = whole_text(*text, text->ends[c]);
      EXPECT_NEAR(made[i].choices[c].log_likelihood, expected, 2e-3 * (1 + std::abs(expected)))
          << items[i].id << " " << c;
      EXPECT_EQ(made[i].choices[c].tokens, std::ssize(text->ends[c]));
      EXPECT_EQ(made[i].choices[c].bytes, std::ssize(items[i].continuations[c]));
      if (made[i].choices[c].log_likelihood > made[i].choices[best].log_likelihood) best = c;
    }
    EXPECT_EQ(made[i].text, std::string(1, static_cast<char>('A' + best)));
    letters.insert(made[i].text);
  }
  EXPECT_GT(letters.size(), 1u);
}

// Bit for bit the same, whatever runs beside a question and however prompts are cut.
TEST_F(Likelihood, DoesNotDependOnTheBatch) {
  const std::vector<EvalItem> items = mixed_items();
  const std::vector<MadeReply> alone = replies(items, 1, 512);
  for (const auto& [batch, chunk] : {std::pair(16, 512), std::pair(5, 32), std::pair(64, 100)}) {
    const std::vector<MadeReply> made = replies(items, batch, chunk);
    for (size_t i = 0; i < items.size(); ++i) {
      for (size_t c = 0; c < alone[i].choices.size(); ++c) {
        EXPECT_EQ(made[i].choices[c].log_likelihood, alone[i].choices[c].log_likelihood)
            << items[i].id << " " << c << " batch " << batch;
      }
    }
  }
}

TEST_F(Likelihood, RefusesWhatHasNoTokens) {
  const auto empty = continued(*model_, item_of("x", "p", {"a", ""}));
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(empty.status().code(), Code::invalid);
  EXPECT_NE(empty.status().message().find("item `x`"), std::string::npos);
}

TEST_F(Likelihood, StopsAtOnceAndLeavesNothingBehind) {
  const std::vector<EvalItem> items = mixed_items();
  Engine engine(model_->model(), backend_, options(64), model_->banned());
  std::vector<ReplyTask> tasks(items.size());
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].item = static_cast<int64_t>(i);
  int taken = 0;
  const ReplySource source = likelihood_replies(*model_, engine, {4, nullptr, nullptr});
  const Status made = source(items, tasks, [&](size_t, MadeReply) { return ++taken < 3; });
  EXPECT_EQ(made.code(), Code::cancelled);
  EXPECT_EQ(taken, 3);
  EXPECT_TRUE(engine.idle());
}

// A question that doesn't fit ends the run with its name; what ran beside it is taken back.
TEST_F(Likelihood, NamesTheItemThatIsTooLong) {
  std::vector<EvalItem> items = mixed_items();
  items[4] = item_of("endless", std::string(5000, '7'), {"1", "2"});
  Engine engine(model_->model(), backend_, options(64), model_->banned());
  std::vector<ReplyTask> tasks(items.size());
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].item = static_cast<int64_t>(i);
  const ReplySource source = likelihood_replies(*model_, engine, {16, nullptr, nullptr});
  const Status made = source(items, tasks, [](size_t, MadeReply) { return true; });
  EXPECT_NE(made.message().find("endless"), std::string::npos) << made.message();
  EXPECT_TRUE(engine.idle());
}

}  // namespace
}  // namespace hearth
