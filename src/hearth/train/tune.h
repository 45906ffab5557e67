// tune: one run of fine-tuning, from a data file to an adapter or a model in a folder. What decides
// the numbers is a value (TuneOptions); two runs of equal options and data give equal bytes, also
// when one was stopped and went on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hearth/train/data/examples.h"
#include "hearth/train/learner.h"

namespace hearth::train {

struct TuneOptions : LearnerOptions {
  int64_t epochs = 3;
  int64_t steps_max = 0;    // 0: as many as the epochs have
  int64_t batch = 8;        // examples that go through the network together
  int64_t accumulate = 1;   // such batches of one step
  int64_t length = 512;     // most tokens of an example, no more than the model takes
  double validation = 0;    // share of the data's lines that is held out: at least one, if not 0
  int64_t save_every = 50;  // steps between checkpoints
};

struct StepReport {
  int64_t step = 0;  // that just ended, from 1
  int64_t steps = 0;
  double loss = 0;  // mean over the supervised tokens of the step, before it
  double learning_rate = 0;
  double gradient_norm = 0;
  double tokens_per_second = 0;  // all tokens that went through
  double max_violation = 0;      // of experts: see MoeSublayer::end_step
};

struct ValidationReport {
  int64_t step = 0;
  double loss = 0;
  int64_t tokens = 0;
};

struct TuneEvents {
  Notice notice;
  std::function<bool(const StepReport&)> step;  // false: stop after a checkpoint
  std::function<void(const ValidationReport&)> validation;
};

struct TuneResult {
  int64_t steps = 0;
  int64_t examples = 0;
  int64_t learned_parameters = 0;
  std::optional<double> loss;  // of the last step; nullopt: the run was finished before
  std::optional<double> validation_loss;
  bool stopped = false;  // by an event; the folder has a checkpoint to go on from
};

// Reads `data_path` and trains. `folder` is made; its checkpoint is tune-state.safetensors.
// invalid: options, or a folder that holds a model, an adapter or a run, unless `resume` goes on
// with that run.
// corrupt: bad lines of data.  no_memory: too many weights would learn.  unsupported: a model that
// full tuning could not write.  internal: the loss is no number any more.
Result<TuneResult> tune(TextModel& model, Compute& compute, const std::string& data_path,
                        const std::string& folder, bool resume, const TuneOptions& options,
                        const TuneEvents& events);

}  // namespace hearth::train
