// See tune.h. The order of the data follows from the seed and the epoch, and a step's examples from
// its number: a checkpoint holds no position.
#include "hearth/train/tune.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"
#include "hearth/train/random.h"

namespace hearth::train {
namespace {

using Clock = std::chrono::steady_clock;

struct Data {
  std::vector<Example> training, validation;
  std::string sha256;
};

void say(const TuneEvents& events, const std::string& line) {
  if (events.notice) events.notice(line);
}

Result<std::vector<Example>> examples_of(const TextModel& model, std::vector<TrainingText> texts,
                                         const TuneOptions& options, const TuneEvents& events) {
  TRY_ASSIGN(Examples made, make_examples(model, texts, options.length));
  if (made.cut > 0) {
    say(events, fmt::format("{} examples are longer than --seq {} and lose their ends, the first "
                            "at line {}",
                            made.cut, options.length, made.first_cut_line));
  }
  return std::move(made.items);
}

Result<Data> read_data(const TextModel& model, const std::string& path, const TuneOptions& options,
                       const TuneEvents& events) {
  TRY_ASSIGN(const std::string content, read_file(path, kTrainingBytesMax));
  TRY_ASSIGN(std::vector<TrainingText> texts, parse_training_lines(content));
  Data data;
  Sha256 hash;
  hash.update(content);
  data.sha256 = hash.hex();
  const std::vector<uint8_t> is_held_out =
      held_out_by(options.seed, options.validation, std::ssize(texts));
  std::vector<TrainingText> training, validation;
  for (size_t i = 0; i < texts.size(); ++i) {
    (is_held_out[i] ? validation : training).push_back(std::move(texts[i]));
  }
  TRY_ASSIGN(data.training, examples_of(model, std::move(training), options, events));
  TRY_ASSIGN(data.validation, examples_of(model, std::move(validation), options, events));
  if (data.training.empty()) {
    return error(Code::invalid, "--validation {}: expected examples to train on, found none left",
                 options.validation);
  }
  return data;
}

// Everything that decides the numbers.
std::string job_of(const Learner& learner, const Data& data, const TuneOptions& o) {
  Json job = learner.job();
  job.update(Json{{"--epochs", o.epochs},
                  {"--steps", o.steps_max},
                  {"--batch", o.batch},
                  {"--accumulate", o.accumulate},
                  {"--seq", o.length},
                  {"--validation", o.validation},
                  {"--data", data.sha256}});
  return job.dump();
}

class Run {
 public:
  Run(TextModel& model, Compute& compute, const std::string& folder, const TuneOptions& options,
      const TuneEvents& events)
      : model_(model), compute_(compute), folder_(folder), options_(options), events_(events) {}

  Status prepare(const std::string& data_path, bool resume);
  Result<TuneResult> run();

 private:
  int64_t step_examples() const { return options_.batch * options_.accumulate; }
  std::vector<int64_t> examples_of_step(int64_t step) const;
  Result<StepReport> step();
  Result<double> validate();

  TextModel& model_;
  Compute& compute_;
  const std::string& folder_;
  const TuneOptions& options_;
  const TuneEvents& events_;
  Data data_;
  std::unique_ptr<Learner> learner_;
  int64_t steps_ = 0;
  int64_t steps_of_epoch_ = 0;
};

Status Run::prepare(const std::string& data_path, bool resume) {
  if (!resume) TRY(check_is_new(folder_));
  const int64_t positions = model_.model().info().max_position_embeddings;
  if (options_.length > positions) {
    return error(Code::invalid, "--seq: expected at most {} tokens (the model's), found {}",
                 positions, options_.length);
  }
  auto data = read_data(model_, data_path, options_, events_);
  if (!data) return std::move(data).status().at(data_path);
  data_ = *std::move(data);
  TRY_ASSIGN(learner_, Learner::create(model_, options_, events_.notice));
  steps_of_epoch_ = ceil_div(static_cast<int64_t>(data_.training.size()), step_examples());
  steps_ = steps_of_epoch_ * options_.epochs;
  if (options_.steps_max > 0) steps_ = std::min(steps_, options_.steps_max);
  return learner_->open(folder_, job_of(*learner_, data_, options_), resume);
}

std::vector<int64_t> Run::examples_of_step(int64_t step) const {
  const auto count = static_cast<int64_t>(data_.training.size());
  const int64_t epoch = step / steps_of_epoch_;
  const uint64_t key = random_key(options_.seed, fmt::format("epoch {}", epoch));
  const std::vector<int64_t> order = random_order(key, count);
  const int64_t begin = step % steps_of_epoch_ * step_examples();
  const int64_t end = std::min(count, begin + step_examples());
  return {order.begin() + begin, order.begin() + end};
}

Result<StepReport> Run::step() {
  const Clock::time_point start = Clock::now();
  const int64_t step = learner_->steps();
  const std::vector<int64_t> chosen = examples_of_step(step);
  int64_t learned = 0;
  int64_t tokens = 0;
  for (const int64_t i : chosen) {
    const Example& e = data_.training[static_cast<size_t>(i)];
    learned += learned_tokens(e);
    tokens += static_cast<int64_t>(e.tokens.size()) - 1;
  }
  learner_->network().clear_gradients();
  const PassWeights weights{1 / static_cast<double>(learned), 1 / static_cast<double>(tokens)};
  double loss = 0;
  for (size_t begin = 0; begin < chosen.size(); begin += static_cast<size_t>(options_.batch)) {
    const size_t count = std::min(chosen.size() - begin, static_cast<size_t>(options_.batch));
    const TokenBatch batch = make_batch(data_.training, std::span(chosen).subspan(begin, count));
    loss += sum_of(learner_->network().accumulate(compute_, batch, weights));
  }
  StepReport report;
  report.steps = steps_;
  report.loss = loss / static_cast<double>(learned);
  TRY_ASSIGN(const LearnerStep done, learner_->step(compute_, steps_, report.loss));
  report.learning_rate = done.learning_rate;
  report.gradient_norm = done.gradient_norm;
  report.max_violation = done.max_violation;
  report.step = learner_->steps();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report.tokens_per_second = static_cast<double>(tokens) / seconds;
  return report;
}

// Mean loss of the held out examples.
Result<double> Run::validate() {
  double loss = 0;
  int64_t learned = 0;
  std::vector<int64_t> order(data_.validation.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(options_.batch)) {
    const size_t count = std::min(order.size() - begin, static_cast<size_t>(options_.batch));
    const TokenBatch batch = make_batch(data_.validation, std::span(order).subspan(begin, count));
    loss += sum_of(learner_->network().losses(compute_, batch));
    learned += static_cast<int64_t>(batch.targets.size());
  }
  const ValidationReport report{learner_->steps(), loss / static_cast<double>(learned), learned};
  if (events_.validation) events_.validation(report);
  return report.loss;
}

Result<TuneResult> Run::run() {
  TuneResult result;
  result.examples = static_cast<int64_t>(data_.training.size());
  result.learned_parameters = learner_->parameters();
  int64_t saved = -1;
  while (learner_->steps() < steps_ && !result.stopped) {
    TRY_ASSIGN(const StepReport report, step());
    result.loss = report.loss;
    result.stopped = events_.step && !events_.step(report);
    const bool epoch_ends = report.step % steps_of_epoch_ == 0 || report.step == steps_;
    if (epoch_ends && !data_.validation.empty()) {
      TRY_ASSIGN(result.validation_loss, validate());
    }
    if (report.step % options_.save_every == 0 || result.stopped) {
      TRY(learner_->save(false));
      saved = report.step;
    }
  }
  result.steps = learner_->steps();
  result.stopped = result.steps < steps_;
  const bool whole_model = options_.method == Method::full && !result.stopped;
  if (saved != result.steps || whole_model) TRY(learner_->save(!result.stopped));
  return result;
}

}  // namespace

Result<TuneResult> tune(TextModel& model, Compute& compute, const std::string& data_path,
                        const std::string& folder, bool resume, const TuneOptions& options,
                        const TuneEvents& events) {
  Run run(model, compute, folder, options, events);
  TRY(run.prepare(data_path, resume));
  return run.run();
}

}  // namespace hearth::train
