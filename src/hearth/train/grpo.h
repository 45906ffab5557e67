// grpo: one run of reinforcement learning with verified rewards, from problems whose answers a
// program can check to an adapter in a folder. Group relative policy optimisation (Shao et al.
// 2024, DeepSeekMath, section 4.1; the method of DeepSeek-R1, section 2.2): of several replies to
// one problem those that did better than their group become likelier, the others less likely.
//
// Each step draws its own replies with the adapter as it is (on policy), so that no ratio to an
// older policy is needed. Every token of the step's replies counts alike. Equal options and data
// give equal bytes, also when a run was stopped and went on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/engine.h"
#include "hearth/engine/text_model.h"
#include "hearth/train/learner.h"

namespace hearth::train {

struct GrpoOptions : LearnerOptions {
  int64_t steps = 200;
  int64_t problems = 16;       // of a step
  int64_t group = 8;           // replies to each, >= 2; drawn at temperature 1
  int64_t reply_tokens = 512;  // most of a reply: a longer one is cut and judged as it is
  double kl = 0.04;            // weight of the divergence from the base; 0: it isn't looked at
  int64_t batch = 8;           // replies that go through the network together
  double validation = 0;       // share of the problems that is held out: at least one, if not 0
  int64_t save_every = 25;     // steps between checkpoints, at which held-out problems are answered
};

// What is to be solved. `verify` says what a reply (the answer behind the thought) to problem
// `index` deserves, in [0, 1]; an error: it could not tell.
struct GrpoTask {
  std::vector<std::string> prompts;  // one user's turn each
  std::string name;                  // of the suite that judges; tells one run from another
  std::string sha256;                // of all that the problems are made of
  std::function<Result<double>(int64_t index, const std::string& reply)> verify;
};

// Who writes the replies: the same model as it serves. All outlive the run.
struct Policy {
  const TextModel& model;
  Backend& backend;
  Engine& engine;
};

struct GrpoReport {
  int64_t step = 0;  // that just ended, from 1
  int64_t steps = 0;
  double reward = 0;        // mean over the replies
  double teaching = 0;      // share of groups whose rewards differ: the others teach nothing
  double reply_tokens = 0;  // mean length
  double cut = 0;           // share of replies that reached reply_tokens
  std::optional<double>
      kl;  // nats a token, of the replies that teach; nullopt: kl is 0, or none do
  double learning_rate = 0;
  double gradient_norm = 0;
  double seconds = 0;
};

struct GrpoValidation {
  int64_t step = 0;   // after which
  double reward = 0;  // mean, greedy
  int64_t problems = 0;
};

struct GrpoEvents {
  Notice notice;
  std::function<bool(const GrpoReport&)> step;  // false: stop after a checkpoint
  std::function<void(const GrpoValidation&)> validation;
};

struct GrpoResult {
  int64_t steps = 0;
  int64_t problems = 0;  // to learn from
  int64_t learned_parameters = 0;
  std::optional<double> reward;                         // of the last step
  std::optional<double> validation_before, validation;  // of the first and the last in this call
  bool stopped = false;
};

// What each reply of a group counts: its reward's distance from their mean, in standard deviations;
// all 0 where they are equal.
std::vector<double> group_advantages(std::span<const double> rewards);

// `model` is opened as training needs it (its weights as they are stored), `policy` as it serves.
// Errors as tune() has them; invalid also: a full method, groups of one, no problems.
Result<GrpoResult> grpo(TextModel& model, Compute& compute, const Policy& policy,
                        const GrpoTask& task, const std::string& folder, bool resume,
                        const GrpoOptions& options, const GrpoEvents& events);

}  // namespace hearth::train
