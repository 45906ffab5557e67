// See grpo.h. As in tune(), the problems of a step and the seeds of its replies follow from the
// run's seed and the step's number: a checkpoint holds no position.
#include "hearth/train/grpo.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/models/adapters/adapter.h"
#include "hearth/train/random.h"
#include "hearth/train/rollout.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Where the adapter lies that the engine writes with.
constexpr const char* kPolicyFolder = "policy";

// A step's replies that teach, and what each counts.
struct Lesson {
  std::vector<Example> examples;
  std::vector<double> advantages;
  int64_t tokens = 0;  // to be learned from
};

class Run {
 public:
  Run(TextModel& model, Compute& compute, const Policy& policy, const GrpoTask& task,
      const std::string& folder, const GrpoOptions& options, const GrpoEvents& events)
      : model_(model),
        compute_(compute),
        policy_(policy),
        task_(task),
        folder_(folder),
        options_(options),
        events_(events) {}

  Status prepare(bool resume);
  Result<GrpoResult> run();

 private:
  Status check() const;
  void split();
  std::string job() const;
  Result<std::shared_ptr<const hearth::Adapter>> adapter() const;
  std::vector<int64_t> problems_of_step(int64_t step) const;
  Result<Lesson> judge(const std::vector<Reply>& replies, GrpoReport& report) const;
  double learn(const Lesson& lesson, GrpoReport& report);
  Result<GrpoReport> step();
  Result<double> validate();

  TextModel& model_;
  Compute& compute_;
  const Policy& policy_;
  const GrpoTask& task_;
  const std::string& folder_;
  const GrpoOptions& options_;
  const GrpoEvents& events_;
  std::vector<int64_t> training_, held_out_;  // of the problems
  std::unique_ptr<Learner> learner_;
};

Status Run::check() const {
  if (options_.method != Method::lora) {
    return error(Code::invalid, "--method grpo: expected an adapter to train, found every weight");
  }
  if (options_.group < 2) {
    return error(Code::invalid, "--group: expected at least 2 replies to compare, found {}",
                 options_.group);
  }
  const int64_t positions = policy_.engine.context();
  if (options_.reply_tokens >= positions) {
    return error(Code::invalid, "--max-tokens: expected less than the context of {}, found {}",
                 positions, options_.reply_tokens);
  }
  return Status::ok();
}

void Run::split() {
  const std::vector<uint8_t> is_held_out =
      held_out_by(options_.seed, options_.validation, std::ssize(task_.prompts));
  for (size_t i = 0; i < is_held_out.size(); ++i) {
    (is_held_out[i] ? held_out_ : training_).push_back(static_cast<int64_t>(i));
  }
}

// Everything that decides the numbers.
std::string Run::job() const {
  const GrpoOptions& o = options_;
  Json job = learner_->job();
  job.update(Json{{"--method", "grpo"},
                  {"--steps", o.steps},
                  {"--problems", o.problems},
                  {"--group", o.group},
                  {"--max-tokens", o.reply_tokens},
                  {"--kl", o.kl},
                  {"--batch", o.batch},
                  {"--validation", o.validation},
                  {"--suite", task_.name},
                  {"--data", task_.sha256}});
  return job.dump();
}

Status Run::prepare(bool resume) {
  if (!resume) TRY(check_is_new(folder_));
  TRY(check());
  split();
  if (training_.empty()) {
    return error(Code::invalid, "--data: expected problems to learn from, found none");
  }
  TRY_ASSIGN(learner_, Learner::create(model_, options_, events_.notice));
  return learner_->open(folder_, job(), resume);
}

// The engine's adapter: written as others would read it, so that what is drawn from is what a
// server would load.
Result<std::shared_ptr<const hearth::Adapter>> Run::adapter() const {
  const std::string place = (fs::path(folder_) / kPolicyFolder).string();
  std::error_code failed;
  fs::create_directories(place, failed);
  if (failed) return error(Code::invalid, "{}: {}", place, failed.message());
  TRY(learner_->write_adapter_to(place));
  return load_adapter(place, policy_.model.loaded(), policy_.backend);
}

std::vector<int64_t> Run::problems_of_step(int64_t step) const {
  const int64_t count = std::ssize(training_);
  std::vector<int64_t> chosen, order;
  for (int64_t i = step * options_.problems; i < (step + 1) * options_.problems; ++i) {
    // Each problem comes once before any comes again.
    if (order.empty() || i % count == 0) {
      order = random_order(random_key(options_.seed, fmt::format("epoch {}", i / count)), count);
    }
    const int64_t at = order[static_cast<size_t>(i % count)];
    chosen.push_back(training_[static_cast<size_t>(at)]);
  }
  return chosen;
}

// Rewards, and of the groups whose rewards differ what is to be learned.
Result<Lesson> Run::judge(const std::vector<Reply>& replies, GrpoReport& report) const {
  Lesson lesson;
  const auto group = static_cast<size_t>(options_.group);
  double reward = 0;
  double tokens = 0;
  double cut = 0;
  double teaching = 0;
  for (size_t begin = 0; begin < replies.size(); begin += group) {
    std::vector<double> rewards;
    for (size_t i = begin; i < begin + group; ++i) {
      const Reply& reply = replies[i];
      TRY_ASSIGN(const double value, task_.verify(reply.example.line - 1, reply.text));
      rewards.push_back(value);
      reward += value;
      tokens += static_cast<double>(learned_tokens(reply.example));
      cut += reply.cut ? 1 : 0;
    }
    const std::vector<double> advantages = group_advantages(rewards);
    if (std::all_of(advantages.begin(), advantages.end(), [](double a) { return a == 0; }))
      continue;
    teaching += 1;
    for (size_t i = 0; i < group; ++i) {
      lesson.examples.push_back(replies[begin + i].example);
      lesson.advantages.push_back(advantages[i]);
      lesson.tokens += learned_tokens(lesson.examples.back());
    }
  }
  const auto count = static_cast<double>(replies.size());
  report.reward = reward / count;
  report.reply_tokens = tokens / count;
  report.cut = cut / count;
  report.teaching = teaching * static_cast<double>(group) / count;
  return lesson;
}

// Gathers the gradient; returns the mean of -log p over the tokens.
double Run::learn(const Lesson& lesson, GrpoReport& report) {
  Network<float>& network = learner_->network();
  network.clear_gradients();
  if (lesson.examples.empty()) return 0;
  std::vector<int64_t> order(lesson.examples.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  const double share = 1 / static_cast<double>(lesson.tokens);
  double loss = 0;
  double divergence = 0;
  for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(options_.batch)) {
    const size_t count = std::min(order.size() - begin, static_cast<size_t>(options_.batch));
    TokenBatch batch = make_batch(lesson.examples, std::span(order).subspan(begin, count));
    for (size_t i = begin; i < begin + count; ++i) {
      batch.advantages.insert(batch.advantages.end(),
                              static_cast<size_t>(learned_tokens(lesson.examples[i])),
                              lesson.advantages[i]);
    }
    if (options_.kl > 0) batch.base_losses = network.base_losses(compute_, batch);
    const std::vector<double> losses =
        network.accumulate(compute_, batch, {.target = share, .token = 0, .kl = options_.kl});
    loss += sum_of(losses);
    for (size_t i = 0; i < batch.base_losses.size(); ++i) {
      const double ratio = losses[i] - batch.base_losses[i];  // log of p_base / p
      divergence += std::exp(ratio) - ratio - 1;
    }
  }
  if (options_.kl > 0) report.kl = divergence * share;
  return loss * share;
}

Result<GrpoReport> Run::step() {
  const Clock::time_point start = Clock::now();
  GrpoReport report;
  report.steps = options_.steps;
  const int64_t number = learner_->steps();
  TRY_ASSIGN(const auto writer, adapter());
  DrawOptions draw;
  draw.reply_tokens = options_.reply_tokens;
  draw.group = options_.group;
  draw.key = random_key(options_.seed, fmt::format("replies {}", number));
  TRY_ASSIGN(const std::vector<Reply> replies,
             draw_replies(policy_, writer, task_.prompts, problems_of_step(number), draw));
  TRY_ASSIGN(const Lesson lesson, judge(replies, report));
  const double loss = learn(lesson, report);
  TRY_ASSIGN(const LearnerStep done, learner_->step(compute_, options_.steps, loss));
  report.step = learner_->steps();
  report.learning_rate = done.learning_rate;
  report.gradient_norm = done.gradient_norm;
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

// The held-out problems, answered greedily by the adapter as it is.
Result<double> Run::validate() {
  TRY_ASSIGN(const auto writer, adapter());
  DrawOptions draw;
  draw.reply_tokens = options_.reply_tokens;
  draw.temperature = 0;
  TRY_ASSIGN(const std::vector<Reply> replies,
             draw_replies(policy_, writer, task_.prompts, held_out_, draw));
  double reward = 0;
  for (const Reply& reply : replies) {
    TRY_ASSIGN(const double value, task_.verify(reply.example.line - 1, reply.text));
    reward += value;
  }
  const GrpoValidation report{learner_->steps(), reward / static_cast<double>(replies.size()),
                              std::ssize(replies)};
  if (events_.validation) events_.validation(report);
  return report.reward;
}

Result<GrpoResult> Run::run() {
  GrpoResult result;
  result.problems = std::ssize(training_);
  result.learned_parameters = learner_->parameters();
  if (!held_out_.empty() && learner_->steps() < options_.steps) {
    TRY_ASSIGN(result.validation_before, validate());
  }
  int64_t saved = -1;
  while (learner_->steps() < options_.steps && !result.stopped) {
    TRY_ASSIGN(const GrpoReport report, step());
    result.reward = report.reward;
    result.stopped = events_.step && !events_.step(report);
    const bool last = report.step == options_.steps;
    if (report.step % options_.save_every != 0 && !result.stopped && !last) continue;
    TRY(learner_->save(last));
    saved = report.step;
    if (!held_out_.empty() && !result.stopped) {
      TRY_ASSIGN(result.validation, validate());
    }
  }
  result.steps = learner_->steps();
  result.stopped = result.steps < options_.steps;
  if (saved != result.steps) TRY(learner_->save(!result.stopped));
  std::error_code ignored;
  fs::remove_all(fs::path(folder_) / kPolicyFolder, ignored);
  return result;
}

}  // namespace

std::vector<double> group_advantages(std::span<const double> rewards) {
  const auto count = static_cast<double>(rewards.size());
  double mean = 0;
  for (const double r : rewards) mean += r / count;
  double variance = 0;
  for (const double r : rewards) variance += (r - mean) * (r - mean) / count;
  std::vector<double> out(rewards.size(), 0);
  const auto [low, high] = std::minmax_element(rewards.begin(), rewards.end());
  if (rewards.empty() || *low == *high) return out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = (rewards[i] - mean) / std::sqrt(variance);
  return out;
}

Result<GrpoResult> grpo(TextModel& model, Compute& compute, const Policy& policy,
                        const GrpoTask& task, const std::string& folder, bool resume,
                        const GrpoOptions& options, const GrpoEvents& events) {
  Run run(model, compute, policy, task, folder, options, events);
  TRY(run.prepare(resume));
  return run.run();
}

}  // namespace hearth::train
