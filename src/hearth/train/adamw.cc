// See adamw.h.
#include "hearth/train/adamw.h"

#include <cmath>
#include <numbers>

namespace hearth::train {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements of a parameter that one thread takes
constexpr std::string_view kScheduleNames[] = {"constant", "linear", "cosine", "wsd"};
constexpr double kDecayShare = 0.2;  // of a WSD run

double gradient_norm(const std::vector<Parameter<float>*>& parameters) {
  double squares = 0;
  for (const Parameter<float>* p : parameters) {
    for (const float g : p->gradient) squares += static_cast<double>(g) * g;
  }
  return std::sqrt(squares);
}

// PyTorch's constants of one step.
struct StepFactors {
  float shrink;  // 1 - rate * decay
  float beta1, beta2;
  float rate;   // over the first bias correction
  float root2;  // root of the second bias correction
  float epsilon;
  float clip;  // what each gradient is multiplied by
};

void update(const StepFactors& f, float gradient, float& value, float& first, float& second) {
  const float g = gradient * f.clip;
  first = f.beta1 * first + (1 - f.beta1) * g;
  second = f.beta2 * second + (1 - f.beta2) * g * g;
  value = value * f.shrink - f.rate * first / (std::sqrt(second) / f.root2 + f.epsilon);
}

}  // namespace

AdamW::AdamW(std::vector<Parameter<float>*> parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options), moments_(parameters_.size()) {
  for (size_t p = 0; p < parameters_.size(); ++p) {
    moments_[p].first.assign(parameters_[p]->value.size(), 0);
    moments_[p].second.assign(parameters_[p]->value.size(), 0);
  }
}

double AdamW::step(Compute& c, double learning_rate) {
  const double norm = gradient_norm(parameters_);
  if (!std::isfinite(norm)) return norm;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  StepFactors f{};
  f.beta1 = static_cast<float>(options_.beta1);
  f.beta2 = static_cast<float>(options_.beta2);
  f.rate = static_cast<float>(learning_rate / (1 - std::pow(options_.beta1, t)));
  f.root2 = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)));
  f.epsilon = static_cast<float>(options_.epsilon);
  const bool clips = options_.clip > 0 && norm > options_.clip;
  f.clip = clips ? static_cast<float>(options_.clip / (norm + 1e-6)) : 1;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter<float>& p = *parameters_[i];
    const bool decays = p.shape.rank() > 1;
    f.shrink = decays ? static_cast<float>(1 - learning_rate * options_.weight_decay) : 1;
    Moments& m = moments_[i];
    c.in_pieces(static_cast<int64_t>(p.value.size()), kPiece, [&](int64_t begin, int64_t end) {
      for (auto e = static_cast<size_t>(begin); e < static_cast<size_t>(end); ++e) {
        update(f, p.gradient[e], p.value[e], m.first[e], m.second[e]);
      }
    });
  }
  return norm;
}

std::optional<Schedule> schedule_by_name(std::string_view name) {
  for (size_t i = 0; i < std::size(kScheduleNames); ++i) {
    if (kScheduleNames[i] == name) return static_cast<Schedule>(i);
  }
  return std::nullopt;
}

std::string_view schedule_name(Schedule schedule) {
  return kScheduleNames[static_cast<size_t>(schedule)];
}

double learning_rate(Schedule schedule, double peak, int64_t step, int64_t warmup, int64_t total) {
  if (step < warmup) {
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  }
  const double done = static_cast<double>(step - warmup) /
                      static_cast<double>(std::max<int64_t>(1, total - warmup));
  switch (schedule) {
    case Schedule::constant:
      return peak;
    case Schedule::linear:
      return peak * (1 - done);
    case Schedule::cosine:
      return peak * 0.5 * (1 + std::cos(std::numbers::pi * done));
    case Schedule::wsd:
      return peak * std::min(1.0, (1 - done) / kDecayShare);
  }
  return peak;
}

}  // namespace hearth::train
