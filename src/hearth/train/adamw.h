// AdamW (Loshchilov and Hutter 2019) with PyTorch's arithmetic, the norm of all gradients that
// clips them, and the learning rate's course.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "hearth/train/verbs/parameter.h"

namespace hearth::train {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  // of matrices, never of vectors
  double clip = 1;          // largest norm of the whole gradient; 0: any
};

// Owner: the run; the parameters outlive it. What it holds beside the options is state that a
// checkpoint must keep.
class AdamW {
 public:
  struct Moments {
    std::vector<float> first, second;
  };

  AdamW(std::vector<Parameter<float>*> parameters, AdamWOptions options);

  // One step with the gradients as they are; returns their norm before clipping. A norm that is no
  // number changes nothing: the caller must not go on.
  double step(Compute& c, double learning_rate);

  const std::vector<Parameter<float>*>& parameters() const { return parameters_; }
  std::vector<Moments>& moments() { return moments_; }  // one a parameter
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  std::vector<Parameter<float>*> parameters_;
  AdamWOptions options_;
  std::vector<Moments> moments_;
  int64_t steps_ = 0;
};

enum class Schedule : uint8_t { constant, linear, cosine, wsd };

std::optional<Schedule> schedule_by_name(std::string_view name);
std::string_view schedule_name(Schedule schedule);

// The rate of step `step` of `total`, from 0: it rises in a line over `warmup` steps to `peak`, and
// falls to 0 at `total`: in a line, along half a cosine, or (wsd) in a line over the last fifth.
double learning_rate(Schedule schedule, double peak, int64_t step, int64_t warmup, int64_t total);

}  // namespace hearth::train
