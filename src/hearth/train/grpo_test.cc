// Reinforcement on a network of a few thousand random weights with the bundled model's tokenizer:
// rewards rise, runs go on bit for bit, and what teaches nothing changes nothing.
#include "hearth/train/grpo.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/base/mapped_file.h"
#include "hearth/train/rollout.h"
#include "hearth/train/testing.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
using testing::bytes_of;

double share_of_digits(const std::string& text) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return text.empty() ? 0 : static_cast<double>(digits) / static_cast<double>(text.size());
}

TEST(GroupAdvantages, AreStandardScores) {
  EXPECT_EQ(group_advantages(std::vector<double>{1, 1, 1}), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(group_advantages(std::vector<double>{0, 1, 0, 1}), (std::vector<double>{-1, 1, -1, 1}));
  const std::vector<double> scores = group_advantages(std::vector<double>{0.1, 0.9, 0.3, 0.2, 0});
  double sum = 0;
  double squares = 0;
  for (const double a : scores) {
    sum += a;
    squares += a * a;
  }
  EXPECT_NEAR(sum, 0, 1e-12);
  EXPECT_NEAR(squares, 5, 1e-12);
  EXPECT_GT(scores[1], scores[2]);
}

class Grpo : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(::testing::TempDir()) /
        (std::string("grpo-") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_model();
    learner_ = open(reference_);
    server_ = open(serving_);
    EngineOptions engine;
    engine.context = 64;
    engine.limits.sequences_max = 32;
    engine.kv_blocks = 32;
    engine_ = std::make_unique<Engine>(server_->model(), serving_, engine, server_->banned());
    options_.targets = {"q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    options_.learning_rate = 0.02;
    options_.schedule = Schedule::constant;
    options_.steps = 4;
    options_.problems = 3;
    options_.group = 4;
    options_.reply_tokens = 12;
    options_.save_every = 2;
    for (int i = 0; i < 5; ++i)
      task_.prompts.push_back("Say " + std::string(1, static_cast<char>('a' + i)));
    task_.verify = [](int64_t, const std::string& reply) { return share_of_digits(reply); };
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Without a chat template: a random network would never end the thought that R1's opens.
  void write_model() const {
    Json config = testing::small_config("qwen3");
    config["vocab_size"] = 512;
    TinyOptions tiny;
    tiny.config = config;
    tiny.format = Format::f32;
    const auto made = write_tiny(model_path(), tiny);
    ASSERT_TRUE(made.has_value()) << made.status().message();
    fs::copy_file(HEARTH_SOURCE_DIR "/assets/mini/tokenizer.json", model_path() + "/tokenizer.json",
                  fs::copy_options::overwrite_existing);
    std::ofstream(model_path() + "/tokenizer_config.json")
        << R"({"bos_token":"<｜begin▁of▁sentence｜>","eos_token":"<｜end▁of▁sentence｜>"})";
  }
  std::string model_path() const { return (folder_ / "model").string(); }
  std::string out(const char* name) const { return (folder_ / name).string(); }

  std::unique_ptr<TextModel> open(Backend& backend) const {
    auto model = TextModel::load(model_path(), backend, {});
    EXPECT_TRUE(model.has_value()) << model.status().message();
    return model ? *std::move(model) : nullptr;
  }

  // Stops after `steps`, when that is not 0.
  Result<GrpoResult> run(const char* name, bool resume = false, int64_t steps = 0) {
    const auto compute = testing::make_compute(2);
    GrpoEvents events;
    events.step = [this, steps](const GrpoReport& r) {
      reports_.push_back(r);
      return steps == 0 || r.step < steps;
    };
    events.validation = [this](const GrpoValidation& r) { validations_.push_back(r); };
    return grpo(*learner_, *compute, {*server_, serving_, *engine_}, task_, out(name), resume,
                options_, events);
  }

  fs::path folder_;
  ReferenceBackend reference_{Activation::f32};
  CpuBackend serving_{1, *cpu::available_tables().front()};
  std::unique_ptr<TextModel> learner_, server_;
  std::unique_ptr<Engine> engine_;
  GrpoTask task_;
  GrpoOptions options_;
  std::vector<GrpoReport> reports_;
  std::vector<GrpoValidation> validations_;
};

TEST_F(Grpo, RewardsRise) {
  options_.steps = 24;
  options_.group = 8;
  options_.kl = 0.001;
  options_.validation = 0.2;
  const auto result = run("rise");
  ASSERT_TRUE(result.has_value()) << result.status().message();
  ASSERT_EQ(reports_.size(), 24u);
  const double first = (reports_[0].reward + reports_[1].reward) / 2;
  const double last = (reports_[22].reward + reports_[23].reward) / 2;
  EXPECT_LT(first, 0.2);
  EXPECT_GT(last, first + 0.3);
  // It moves away from the base as it learns.
  ASSERT_TRUE(reports_[0].kl && reports_[23].kl);
  EXPECT_NEAR(*reports_[0].kl, 0, 1e-9);
  EXPECT_GT(*reports_[23].kl, 0.01);
  // Before the first step, and at each checkpoint.
  ASSERT_EQ(validations_.size(), 13u);
  EXPECT_EQ(validations_[0].step, 0);
  EXPECT_EQ(validations_[0].problems, 1);
  EXPECT_GT(validations_[12].reward, validations_[0].reward);
  EXPECT_FALSE(fs::exists(fs::path(out("rise")) / "policy"));
}

TEST_F(Grpo, TheDivergenceFromTheBaseIsHeldBack) {
  options_.steps = 12;
  options_.kl = 0.001;
  ASSERT_TRUE(run("free").has_value());
  const double free = reports_.back().kl.value_or(0);
  options_.kl = 2;
  ASSERT_TRUE(run("held").has_value());
  EXPECT_LT(reports_.back().kl.value_or(0), free / 2);
}

TEST_F(Grpo, GoesOnBitForBitWhereItWasStopped) {
  ASSERT_TRUE(run("whole").has_value());
  for (const int64_t stop : {1, 3, 0}) {  // 1 and 3: between two checkpoints
    const auto piece = run("pieces", stop != 1, stop);
    ASSERT_TRUE(piece.has_value()) << piece.status().message();
    EXPECT_EQ(piece->stopped, stop != 0);
  }
  for (const char* file : {"adapter_model.safetensors", "tune-state.safetensors"}) {
    EXPECT_EQ(bytes_of(fs::path(out("whole")) / file), bytes_of(fs::path(out("pieces")) / file))
        << file;
  }
  options_.kl = 0.5;
  const auto other = run("pieces", true);
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.status().message().find("--kl"), std::string::npos) << other.status().message();
}

TEST_F(Grpo, EqualRewardsTeachNothing) {
  task_.verify = [](int64_t, const std::string&) { return 0.5; };
  const auto result = run("equal");
  ASSERT_TRUE(result.has_value()) << result.status().message();
  for (const GrpoReport& r : reports_) {
    EXPECT_EQ(r.teaching, 0);
    EXPECT_EQ(r.gradient_norm, 0);
    EXPECT_EQ(r.reward, 0.5);
    EXPECT_FALSE(r.kl.has_value());
  }
}

// What is learned from is what was drawn: the engine's tokens, with the chances of the training
// pass close to those that the engine drew by.
TEST_F(Grpo, RepliesAreTheirPromptAndTheEnginesTokens) {
  const std::vector<int64_t> chosen = {1, 4};
  DrawOptions draw;
  draw.reply_tokens = 12;
  draw.group = 3;
  draw.key = 7;
  const Policy policy{*server_, serving_, *engine_};
  const auto replies = draw_replies(policy, nullptr, task_.prompts, chosen, draw);
  ASSERT_TRUE(replies.has_value()) << replies.status().message();
  ASSERT_EQ(replies->size(), 6u);
  for (size_t i = 0; i < replies->size(); ++i) {
    const Reply& reply = (*replies)[i];
    const Prompt prompt = server_->plain(task_.prompts[static_cast<size_t>(chosen[i / 3])], false);
    ASSERT_EQ(reply.example.learned_from, std::ssize(prompt.ids));
    EXPECT_TRUE(std::equal(prompt.ids.begin(), prompt.ids.end(), reply.example.tokens.begin()));
    EXPECT_EQ(learned_tokens(reply.example) == 12, reply.cut);
    if (!reply.cut) {
      EXPECT_EQ(reply.example.tokens.back(), server_->tokenizer().eos());
    }
    EXPECT_EQ(reply.example.line, chosen[i / 3] + 1);
  }
  EXPECT_NE((*replies)[0].example.tokens, (*replies)[1].example.tokens);
  const auto again = draw_replies(policy, nullptr, task_.prompts, chosen, draw);
  for (size_t i = 0; i < replies->size(); ++i) {
    EXPECT_EQ((*replies)[i].example.tokens, (*again)[i].example.tokens);
  }
}

TEST_F(Grpo, WhatCannotBeDoneIsRefusedBeforeItBegins) {
  const auto refused = [&](const char* says) {
    const auto result = run("refused");
    ASSERT_FALSE(result.has_value());
    EXPECT_NE(result.status().message().find(says), std::string::npos) << result.status().message();
    EXPECT_FALSE(fs::exists(out("refused")));
  };
  options_.group = 1;
  refused("--group");
  options_.group = 4;
  options_.reply_tokens = 64;
  refused("--max-tokens");
  options_.reply_tokens = 12;
  options_.validation = 1;
  refused("--data");
  options_.validation = 0;
  options_.method = Method::full;
  refused("--method grpo");
  options_.method = Method::lora;
  options_.targets = {"no_proj"};
  refused("no_proj");
  EXPECT_TRUE(reports_.empty());
}

TEST_F(Grpo, AnErrorOfTheScorerEndsTheRun) {
  task_.verify = [](int64_t index, const std::string&) -> Result<double> {
    return error(Code::internal, "problem {}: no scorer", index);
  };
  const auto result = run("broken");
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.status().message().find("no scorer"), std::string::npos);
}

}  // namespace
}  // namespace hearth::train
