// Learner: what a run trains and writes, wherever the run has its gradients from: the parameters,
// their optimizer and the folder that keeps both.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/convert/directory_plan.h"
#include "hearth/engine/text_model.h"
#include "hearth/files/json.h"
#include "hearth/train/adamw.h"
#include "hearth/train/network.h"

namespace hearth::train {

enum class Method : uint8_t { lora, full };

struct LearnerOptions {
  Method method = Method::lora;
  int64_t rank = 16;
  double alpha = 32;
  std::vector<std::string> targets = {"q_proj", "v_proj"};
  double learning_rate = 2e-4;
  Schedule schedule = Schedule::cosine;
  double warmup = 0.03;  // of the steps
  AdamWOptions adamw;
  uint64_t seed = 0;
  bool checkpoints = true;      // activation checkpoints
  double balance_alpha = 1e-4;  // of experts, full tuning: DeepSeek-V3's loss
  double balance_rate = 1e-3;   // and its bias
};

using Notice = std::function<void(const std::string& line)>;

// What an optimizer step did.
struct LearnerStep {
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  double max_violation = 0;  // of experts: see MoeSublayer::end_step
};

// A new run overwrites nothing: neither another run nor a model, be it the base itself.
// invalid: the folder holds one.
Status check_is_new(const std::string& folder);

// Which of `count` lines or problems a run holds out, 1 for each: `share` of them, at least one if
// that is not 0, drawn by the seed.
std::vector<uint8_t> held_out_by(uint64_t seed, double share, int64_t count);

// Owner: the run. The model, whose weights it reads, outlives it.
class Learner {
 public:
  // invalid: targets.  no_memory: too many weights would learn.  unsupported: a model that full
  // tuning could not write.
  static Result<std::unique_ptr<Learner>> create(TextModel& model, const LearnerOptions& options,
                                                 const Notice& notice);

  Network<float>& network() { return *network_; }
  int64_t steps() const { return optimizer_->steps(); }
  int64_t parameters() const;

  // What of it decides the numbers, by the flags that say it, and the model's fingerprint.
  Json job() const;
  // Makes the folder, or goes on with its run, which must be of the same `job`: one line of JSON.
  Status open(const std::string& folder, const std::string& job, bool resume);

  // The optimizer's step from the gradients that were gathered, one of `total`.
  // internal: `loss` or the gradient is no number any more.
  Result<LearnerStep> step(Compute& compute, int64_t total, double loss);

  // The state first: with it a run that dies here goes on, and writes the same results again.
  // A whole model is written by `finished` alone.
  Status save(bool finished);
  // The adapter as it is, in PEFT's format.
  Status write_adapter_to(const std::string& folder) const;

 private:
  Learner(TextModel& model, const LearnerOptions& options) : model_(model), options_(options) {}
  Status choose(const Notice& notice);

  TextModel& model_;
  LearnerOptions options_;
  DirectoryPlan results_;  // of an adapter only the weights
  NetworkOptions network_options_;
  std::unique_ptr<Network<float>> network_;
  std::optional<AdamW> optimizer_;
  std::string folder_, job_;
};

}  // namespace hearth::train
