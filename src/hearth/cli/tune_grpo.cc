// hearth tune --method grpo: replies to problems, rewards by a suite's scorer, an adapter. Ctrl-C
// ends the step, leaves a checkpoint and exits 130.
#include <nlohmann/json.hpp>

#include "hearth/base/sha256.h"
#include "hearth/cli/eval_run.h"
#include "hearth/cli/tune_command.h"
#include "hearth/cli/tune_view.h"
#include "hearth/train/grpo.h"

namespace hearth::cli {
namespace {

constexpr double kRate = 1e-4;
constexpr int64_t kSteps = 200;
constexpr int64_t kTogether = 32;  // replies that the engine's memory is laid out for

Json to_json(const train::GrpoReport& r) {
  Json out = {{"step", r.step},
              {"steps", r.steps},
              {"reward", r.reward},
              {"teaching", r.teaching},
              {"reply_tokens", r.reply_tokens},
              {"cut", r.cut},
              {"lr", r.learning_rate},
              {"grad_norm", r.gradient_norm},
              {"seconds", r.seconds}};
  if (r.kl) out["kl"] = *r.kl;
  return out;
}

train::GrpoEvents events_into(TuneView& view, const Session& session) {
  train::GrpoEvents events;
  events.notice = view.notice();
  events.step = [&view](const train::GrpoReport& r) {
    view.point("reward", "drawn", r.step, r.reward);
    if (r.kl) view.point("nats a token from the base", "KL", r.step, *r.kl);
    view.point("tokens", "reply", r.step, r.reply_tokens);
    const std::string state = fmt::format("reward {:.3f}, {:.0f} tokens", r.reward, r.reply_tokens);
    return view.step(r.step, r.steps, state, to_json(r));
  };
  events.validation = [&view, &session](const train::GrpoValidation& r) {
    view.point("reward", "held out, greedy", r.step, r.reward);
    view.validation(
        fmt::format(fmt::runtime(session.say("step {0}: {1:.1f} % of {2} held-out problems",
                                             "第 {0} 步：留出的 {2} 题得 {1:.1f} %")),
                    r.step, 100 * r.reward, r.problems),
        {{"step", r.step}, {"val_reward", r.reward}, {"val_problems", r.problems}});
  };
  return events;
}

train::GrpoOptions options_of(const TuneCommand& command) {
  train::GrpoOptions out;
  static_cast<train::LearnerOptions&>(out) = command.tune;
  if (command.learning_rate == 0) out.learning_rate = kRate;
  out.steps = command.tune.steps_max > 0 ? command.tune.steps_max : kSteps;
  out.problems = command.grpo.problems;
  out.group = command.grpo.group;
  out.reply_tokens = command.grpo.reply_tokens;
  out.kl = command.grpo.kl;
  out.batch = command.tune.batch;
  out.validation = command.tune.validation;
  out.save_every = command.tune.save_every;
  return out;
}

Result<EvalTask> open_task(const TuneCommand& command, const Session& session) {
  if (command.grpo.suite.empty()) {
    return error(Code::invalid,
                 "--method grpo: expected --suite, whose scorer rewards the replies");
  }
  EvalOptions options;
  options.data = {command.data};
  TRY_ASSIGN(EvalTask task, open_suite(command.grpo.suite, options, session));
  return task;
}

// `task` outlives it.
train::GrpoTask rewarded(const EvalTask& task) {
  train::GrpoTask out;
  out.name = task.suite.name;
  Sha256 hash;
  for (const EvalItem& item : task.items) {
    out.prompts.push_back(item.prompt);
    hash.update(item.prompt + std::string(1, '\0') + item.answer + std::string(1, '\0'));
  }
  out.sha256 = hash.hex();
  out.verify = [&task](int64_t index, const std::string& reply) -> Result<double> {
    TRY_ASSIGN(const Judgement judged,
               task.suite.judge(task.items[static_cast<size_t>(index)], reply));
    return judged.value;
  };
  return out;
}

void print(const TuneCommand& command, const train::GrpoResult& r, const Session& session) {
  if (session.json) {
    Json out = {{"out", command.out},
                {"steps", r.steps},
                {"problems", r.problems},
                {"parameters", r.learned_parameters},
                {"stopped", r.stopped}};
    if (r.reward) out["reward"] = *r.reward;
    if (r.validation_before) out["val_reward_before"] = *r.validation_before;
    if (r.validation) out["val_reward"] = *r.validation;
    print_json_line(out);
    return;
  }
  fmt::print("{} {}: {} steps over {} problems, {} parameters\n", session.say("adapter", "适配器"),
             command.out, r.steps, r.problems, r.learned_parameters);
}

}  // namespace

void GrpoFlags::declare(CLI::App& verb) {
  verb.add_option("--suite", suite,
                  "of --method grpo: the suite, or YAML file, whose scorer rewards the replies; "
                  "--data is in its form");
  verb.add_option("--problems", problems, "of --method grpo: problems of one step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--group", group, "of --method grpo: replies to each problem")
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  verb.add_option("--max-tokens", reply_tokens, "of --method grpo: longest reply")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_option("--kl", kl, "of --method grpo: how much the divergence from the base counts")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
}

Status tune_by_rewards(const TuneCommand& command, const Session& session) {
  TRY_ASSIGN(const EvalTask task, open_task(command, session));
  TRY_ASSIGN(const OpenedText learner, open_learner(command, session));
  TRY_ASSIGN(const auto compute, open_compute(command.model));
  ModelOptions serving = command.model;
  serving.device = "cpu";
  serving.context = command.tune.length;
  TRY_ASSIGN(const OpenedText server, open_text_model(serving, session));
  EngineOptions engine_options = engine_options_of(serving, server);
  engine_options.limits.sequences_max = kTogether;
  engine_options.kv_blocks = affordable_kv_blocks(
      kTogether, kv_block_bytes(engine_options, server.model->model()), serving.context);
  Engine engine(server.model->model(), *server.backend, engine_options, server.model->banned());
  TuneView view(session);
  const train::GrpoTask rewards = rewarded(task);
  const train::Policy policy{*server.model, *server.backend, engine};
  TRY_ASSIGN(const train::GrpoResult result,
             train::grpo(*learner.model, *compute, policy, rewards, command.out, command.resume,
                         options_of(command), events_into(view, session)));
  view.clear();
  TRY(view.write_plot(command.plot));
  print(command, result, session);
  if (!result.stopped) return Status::ok();
  return error(Code::cancelled, "stopped after step {}; --resume goes on", result.steps);
}

}  // namespace hearth::cli
