// What `hearth tune` was asked for, shared by its methods.
#pragma once

#include "hearth/cli/model_options.h"
#include "hearth/train/tune.h"

namespace hearth::cli {

// Of --method grpo alone.
struct GrpoFlags {
  std::string suite;
  int64_t problems = 16;
  int64_t group = 8;
  int64_t reply_tokens = 256;
  double kl = 0.04;

  void declare(CLI::App& verb);
};

struct TuneCommand {
  ModelOptions model;
  std::string data, out;
  std::string plot;  // SVG; "": none
  std::string method = "lora";
  std::string schedule = "cosine";
  double learning_rate = 0;  // 0: the method's own
  bool resume = false;
  bool keep_activations = false;
  train::TuneOptions tune;
  GrpoFlags grpo;
};

Result<std::unique_ptr<train::Compute>> open_compute(const ModelOptions& options);
// The model as training reads it: its weights as they are stored.
Result<OpenedText> open_learner(const TuneCommand& command, const Session& session);

// --method grpo (tune_grpo.cc).
Status tune_by_rewards(const TuneCommand& command, const Session& session);

}  // namespace hearth::cli
