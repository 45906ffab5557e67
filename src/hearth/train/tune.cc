// See tune.h. The order of the data follows from the seed and the epoch, and a step's examples from
// its number: a checkpoint holds no position.
#include "hearth/train/tune.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"
#include "hearth/sensors/memory.h"
#include "hearth/train/memory.h"
#include "hearth/train/random.h"
#include "hearth/train/results.h"
#include "hearth/train/run_state.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
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
  const auto lines = static_cast<int64_t>(texts.size());
  auto held_out =
      static_cast<int64_t>(std::llround(options.validation * static_cast<double>(lines)));
  if (options.validation > 0) held_out = std::max<int64_t>(1, held_out);
  std::vector<uint8_t> is_held_out(texts.size());
  const std::vector<int64_t> order = random_order(random_key(options.seed, "validation"), lines);
  for (int64_t i = 0; i < held_out; ++i) {
    is_held_out[static_cast<size_t>(order[static_cast<size_t>(i)])] = 1;
  }
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

// Names, shapes and first rows of the weights: tells another base of the same shape.
std::string fingerprint(Model& model) {
  Sha256 hash;
  model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (!slot.present()) return;
    const Tensor& t = slot.tensor;
    hash.update(
        fmt::format("{} {} {} ", spec.name, t.shape.to_string(), format_info(t.format).name));
    hash.update(std::span<const std::byte>(t.data, static_cast<size_t>(t.row_bytes)));
  });
  return hash.hex();
}

// Everything that decides the numbers.
std::string job_of(Model& model, const Data& data, const TuneOptions& o) {
  Json job = {{"--method", o.method == Method::lora ? "lora" : "full"},
              {"--epochs", o.epochs},
              {"--steps", o.steps_max},
              {"--lr", o.learning_rate},
              {"--schedule", schedule_name(o.schedule)},
              {"--warmup", o.warmup},
              {"--batch", o.batch},
              {"--accumulate", o.accumulate},
              {"--seq", o.length},
              {"--seed", o.seed},
              {"--validation", o.validation},
              {"--weight-decay", o.adamw.weight_decay},
              {"--clip", o.adamw.clip}};
  if (o.method == Method::lora) {
    job.update(Json{{"--rank", o.rank}, {"--alpha", o.alpha}, {"--target", o.targets}});
  }
  job["--data"] = data.sha256;
  job["--model"] = fingerprint(model);
  return job.dump();
}

// Files that make a folder a model or an adapter.
constexpr const char* kResults[] = {"config.json", "adapter_config.json",
                                    "adapter_model.safetensors", "model.safetensors",
                                    "model.safetensors.index.json"};

// A new run overwrites nothing: neither another run nor a model, be it the base itself.
Status check_is_new(const std::string& folder) {
  std::error_code ignored;
  if (fs::exists(fs::path(folder) / kStateFile, ignored)) {
    return error(Code::invalid,
                 "--out {}: expected a new folder, found a run that --resume would go on with",
                 folder);
  }
  for (const char* name : kResults) {
    if (!fs::exists(fs::path(folder) / name, ignored)) continue;
    return error(Code::invalid, "--out {}: expected a new folder, found one that holds {}", folder,
                 name);
  }
  return Status::ok();
}

class Run {
 public:
  Run(TextModel& model, Compute& compute, const std::string& folder, const TuneOptions& options,
      const TuneEvents& events)
      : model_(model), compute_(compute), folder_(folder), options_(options), events_(events) {}

  Status prepare(const std::string& data_path, bool resume);
  Result<TuneResult> run();

 private:
  Status choose();
  int64_t step_examples() const { return options_.batch * options_.accumulate; }
  std::vector<int64_t> examples_of_step(int64_t step) const;
  Result<StepReport> step();
  Result<double> validate();
  Status save(bool finished);

  TextModel& model_;
  Compute& compute_;
  const std::string& folder_;
  const TuneOptions& options_;
  const TuneEvents& events_;
  Data data_;
  std::string job_;
  DirectoryPlan results_;  // of an adapter only the weights
  NetworkOptions network_options_;
  std::unique_ptr<Network<float>> network_;
  std::optional<AdamW> optimizer_;
  int64_t steps_ = 0;
  int64_t steps_of_epoch_ = 0;
};

// What learns, and what will be written of it.
Status Run::choose() {
  network_options_.checkpoints = options_.checkpoints;
  if (options_.method == Method::lora) {
    TRY_ASSIGN(Targets targets, choose_targets(model_.model(), options_.targets));
    for (const std::string& line : targets.notices) say(events_, line);
    network_options_.adapter =
        AdapterSpec{std::move(targets), options_.rank, options_.alpha, options_.seed};
    TRY_ASSIGN(results_.weights, plan_base_rows(model_.checkpoint()));
  } else {
    network_options_.balance_alpha = options_.balance_alpha;
    TRY_ASSIGN(results_, plan_model(model_.checkpoint()));
  }
  const auto memory = read_memory();
  if (!memory) return Status::ok();  // a machine whose memory can't be read refuses nothing
  return check_fits(learned_weights(model_.model(), network_options_.adapter),
                    !network_options_.adapter, memory->usable_available_bytes());
}

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
  TRY(choose());
  TRY_ASSIGN(network_, Network<float>::build(model_.model(), network_options_));
  optimizer_.emplace(network_->learned(), options_.adamw);
  steps_of_epoch_ = ceil_div(static_cast<int64_t>(data_.training.size()), step_examples());
  steps_ = steps_of_epoch_ * options_.epochs;
  if (options_.steps_max > 0) steps_ = std::min(steps_, options_.steps_max);
  job_ = job_of(model_.model(), data_, options_);

  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) return error(Code::invalid, "--out {}: {}", folder_, failed.message());
  return resume ? load_state(folder_, job_, *optimizer_, *network_) : Status::ok();
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
  const int64_t step = optimizer_->steps();
  const std::vector<int64_t> chosen = examples_of_step(step);
  int64_t learned = 0;
  int64_t tokens = 0;
  for (const int64_t i : chosen) {
    const Example& e = data_.training[static_cast<size_t>(i)];
    learned += learned_tokens(e);
    tokens += static_cast<int64_t>(e.tokens.size()) - 1;
  }
  network_->clear_gradients();
  const PassWeights weights{1 / static_cast<double>(learned), 1 / static_cast<double>(tokens)};
  double loss = 0;
  for (size_t begin = 0; begin < chosen.size(); begin += static_cast<size_t>(options_.batch)) {
    const size_t count = std::min(chosen.size() - begin, static_cast<size_t>(options_.batch));
    const TokenBatch batch = make_batch(data_.training, std::span(chosen).subspan(begin, count));
    loss += network_->accumulate(compute_, batch, weights);
  }
  StepReport report;
  report.steps = steps_;
  report.loss = loss / static_cast<double>(learned);
  const auto warmup =
      static_cast<int64_t>(std::ceil(options_.warmup * static_cast<double>(steps_)));
  report.learning_rate =
      learning_rate(options_.schedule, options_.learning_rate, step, warmup, steps_);
  report.gradient_norm = optimizer_->step(compute_, report.learning_rate);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    return error(Code::internal,
                 "step {}: the loss is {} and the gradient {}; try a smaller --lr than {}",
                 step + 1, report.loss, report.gradient_norm, options_.learning_rate);
  }
  report.max_violation =
      network_->end_step(options_.method == Method::full ? options_.balance_rate : 0);
  report.step = optimizer_->steps();
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
    loss += network_->loss(compute_, batch);
    learned += static_cast<int64_t>(batch.targets.size());
  }
  const ValidationReport report{optimizer_->steps(), loss / static_cast<double>(learned), learned};
  if (events_.validation) events_.validation(report);
  return report.loss;
}

// The state first: with it a run that dies here goes on, and writes the same results again.
Status Run::save(bool finished) {
  TRY(save_state(folder_, job_, *optimizer_, *network_));
  if (options_.method == Method::lora) {
    return write_adapter(folder_, results_.weights, *network_options_.adapter, model_.path(),
                         *network_);
  }
  return finished ? write_model(folder_, results_, *network_) : Status::ok();
}

Result<TuneResult> Run::run() {
  TuneResult result;
  result.examples = static_cast<int64_t>(data_.training.size());
  for (const Parameter<float>* p : network_->learned()) {
    result.learned_parameters += static_cast<int64_t>(p->value.size());
  }
  int64_t saved = -1;
  while (optimizer_->steps() < steps_ && !result.stopped) {
    TRY_ASSIGN(const StepReport report, step());
    result.loss = report.loss;
    result.stopped = events_.step && !events_.step(report);
    const bool epoch_ends = report.step % steps_of_epoch_ == 0 || report.step == steps_;
    if (epoch_ends && !data_.validation.empty()) {
      TRY_ASSIGN(result.validation_loss, validate());
    }
    if (report.step % options_.save_every == 0 || result.stopped) {
      TRY(save(false));
      saved = report.step;
    }
  }
  result.steps = optimizer_->steps();
  result.stopped = result.steps < steps_;
  const bool whole_model = options_.method == Method::full && !result.stopped;
  if (saved != result.steps || whole_model) TRY(save(!result.stopped));
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
