// hearth tune: LoRA and full fine-tuning on examples; tune_grpo.cc has rewards. Ctrl-C ends the
// step, leaves a checkpoint and exits 130.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "hearth/cli/tune_command.h"
#include "hearth/cli/tune_view.h"
#include "hearth/host/fit.h"

namespace hearth::cli {
namespace {

constexpr double kLoraRate = 2e-4;
constexpr double kFullRate = 2e-5;

Json to_json(const train::StepReport& r) {
  Json out = {{"step", r.step},        {"steps", r.steps},
              {"loss", r.loss},        {"tok_s", r.tokens_per_second},
              {"lr", r.learning_rate}, {"grad_norm", r.gradient_norm}};
  if (r.max_violation > 0) out["max_vio"] = r.max_violation;
  return out;
}

train::TuneEvents events_into(TuneView& view) {
  train::TuneEvents events;
  events.notice = view.notice();
  events.step = [&view](const train::StepReport& r) {
    view.point("loss", "training", r.step, r.loss);
    const std::string state = fmt::format("loss {:.4f}, {:.0f} tok/s", r.loss, r.tokens_per_second);
    return view.step(r.step, r.steps, state, to_json(r));
  };
  events.validation = [&view](const train::ValidationReport& r) {
    view.point("loss", "held out", r.step, r.loss);
    view.validation(
        fmt::format("step {}: validation loss {:.4f} over {} tokens", r.step, r.loss, r.tokens),
        {{"step", r.step}, {"val_loss", r.loss}, {"val_tokens", r.tokens}});
  };
  return events;
}

void print(const TuneCommand& options, const train::TuneResult& r, const Session& session) {
  if (session.json) {
    Json out = {{"out", options.out},
                {"steps", r.steps},
                {"examples", r.examples},
                {"parameters", r.learned_parameters},
                {"stopped", r.stopped}};
    if (r.loss) out["loss"] = *r.loss;
    if (r.validation_loss) out["val_loss"] = *r.validation_loss;
    print_json_line(out);
    return;
  }
  const std::string_view what = options.tune.method == train::Method::lora
                                    ? session.say("adapter", "适配器")
                                    : session.say("model", "模型");
  const std::string loss = r.loss ? fmt::format(", last loss {:.4f}", *r.loss) : "";
  fmt::print("{} {}: {} steps over {} examples, {} parameters{}\n", what, options.out, r.steps,
             r.examples, r.learned_parameters, loss);
}

Status tune_on_examples(const TuneCommand& command, const Session& session) {
  TRY_ASSIGN(const OpenedText opened, open_learner(command, session));
  TRY_ASSIGN(const auto compute, open_compute(command.model));
  TuneView view(session);
  TRY_ASSIGN(const train::TuneResult result,
             train::tune(*opened.model, *compute, command.data, command.out, command.resume,
                         command.tune, events_into(view)));
  view.clear();
  TRY(view.write_plot(command.plot));
  print(command, result, session);
  if (!result.stopped) return Status::ok();
  return error(Code::cancelled, "stopped after step {}; --resume goes on", result.steps);
}

// Options of one kind of run beside the method of another.
Status check_options(const TuneCommand& command, const CLI::App& verb, const Session& session) {
  const bool by_rewards = command.method == "grpo";
  const char* const name =
      by_rewards ? typed_option({"--epochs", "--accumulate"}, verb, session)
                 : typed_option({"--suite", "--problems", "--group", "--max-tokens", "--kl"}, verb,
                                session);
  if (name == nullptr) return Status::ok();
  return error(Code::invalid, "{}: expected no such option beside --method {}", name,
               command.method);
}

Status tune(TuneCommand command, const CLI::App& verb, const Session& session) {
  TRY(check_options(command, verb, session));
  command.tune.method = command.method == "full" ? train::Method::full : train::Method::lora;
  command.tune.schedule = *train::schedule_by_name(command.schedule);  // checked when parsed
  command.tune.learning_rate = command.learning_rate;
  if (command.learning_rate == 0) {
    command.tune.learning_rate = command.method == "full" ? kFullRate : kLoraRate;
  }
  command.tune.checkpoints = !command.keep_activations;
  return command.method == "grpo" ? tune_by_rewards(command, session)
                                  : tune_on_examples(command, session);
}

void declare_method(CLI::App& verb, TuneCommand& o) {
  verb.add_option("--method", o.method,
                  "lora: an adapter; full: every weight; grpo: an adapter, by rewards")
      ->check(CLI::IsMember({"lora", "full", "grpo"}))
      ->capture_default_str();
  verb.add_option("--rank", o.tune.rank, "of the adapter")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  verb.add_option("--alpha", o.tune.alpha, "the adapter counts alpha / rank")
      ->check(CLI::Range(1e-6, 1e6))
      ->capture_default_str();
  verb.add_option("--target", o.tune.targets, "projections that get an adapter")
      ->delimiter(',')
      ->default_str("q_proj,v_proj");
}

void declare_course(CLI::App& verb, TuneCommand& o) {
  train::TuneOptions& t = o.tune;
  verb.add_option("--epochs", t.epochs, "times that the data is seen")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb.add_option("--steps", t.steps_max, "at most so many steps; 0: whole epochs, grpo 200")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  verb.add_option("--lr", o.learning_rate, "peak learning rate; else 2e-4, full 2e-5, grpo 1e-4")
      ->check(CLI::Range(1e-12, 10.0));
  verb.add_option("--schedule", o.schedule, "constant, linear, cosine or wsd")
      ->check(CLI::IsMember({"constant", "linear", "cosine", "wsd"}))
      ->capture_default_str();
  verb.add_option("--warmup", t.warmup, "share of the steps in which the rate rises")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb.add_option("--batch", t.batch, "examples that are worked out together")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--accumulate", t.accumulate, "such batches in one step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb.add_option("--seq", t.length, "most tokens of an example")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  verb.add_option("--weight-decay", t.adamw.weight_decay, "of matrices")
      ->check(CLI::Range(0.0, 10.0));
  verb.add_option("--clip", t.adamw.clip, "largest norm of the gradient; 0: any")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  verb.add_option("--seed", t.seed, "of the adapter's start and the order of the data");
  verb.add_flag("--keep-activations", o.keep_activations,
                "faster and larger: layers are not worked out again");
}

}  // namespace

Result<std::unique_ptr<train::Compute>> open_compute(const ModelOptions& options) {
  const char* isa = std::getenv("HEARTH_CPU_ISA");
  return train::Compute::create(options.threads > 0 ? options.threads : default_threads(),
                                isa ? isa : "");
}

Result<OpenedText> open_learner(const TuneCommand& command, const Session& session) {
  ModelOptions options = command.model;
  options.device = "reference";  // keeps weights as they are stored
  options.activations = "f32";
  options.needs_all_weights = true;
  options.context = command.tune.length;
  return open_text_model(options, session);
}

void add_tune(CLI::App& app, Session& session) {
  auto options = std::make_shared<TuneCommand>();
  CLI::App* verb = add_verb(
      app, session, "tune",
      std::string(session.say("Fine-tune a model on your examples", "用自己的样本微调模型")),
      "hearth tune --model mini --data mine.jsonl --out adapters/mine",
      [options, &app, &session] { return tune(*options, *app.get_subcommand("tune"), session); });
  verb->add_option("--model", options->model.model,
                   "Hugging Face directory, GGUF file, or a name: `mini`, deepseek-r1:1.5b")
      ->required();
  verb->add_option("--data", options->data,
                   "JSON lines of `messages`, `prompt` and `completion`, or `text`")
      ->required();
  verb->add_option("--out", options->out, "folder of the adapter or model, and of checkpoints")
      ->required();
  declare_method(*verb, *options);
  declare_course(*verb, *options);
  options->grpo.declare(*verb);
  verb->add_option("--validation", options->tune.validation,
                   "share of the lines that is held out and scored after each epoch")
      ->check(CLI::Range(0.0, 0.9));
  verb->add_option("--save-every", options->tune.save_every, "steps between checkpoints")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  verb->add_option("--plot", options->plot, "SVG of the run's curves, written at its end");
  verb->add_flag("--resume", options->resume, "go on with the run in --out");
  verb->add_option("--dtype", options->model.dtype,
                   "hold the base's matrices as: auto (as stored), int8, q4_k, ...")
      ->capture_default_str();
  verb->add_option("--threads", options->model.threads,
                   "compute threads; 0: one for each physical core")
      ->check(CLI::Range(0, 1024));
}

}  // namespace hearth::cli
