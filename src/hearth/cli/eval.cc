// hearth eval: scores of a suite, with confidence intervals and one record for each item.
#include <nlohmann/json.hpp>

#include "hearth/cli/eval_parts.h"
#include "hearth/cli/eval_run.h"
#include "hearth/cli/store_options.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/eval/needle.h"
#include "hearth/eval/report.h"
#include "hearth/eval/score_table.h"

namespace hearth::cli {
namespace {

struct Options {
  EvalOptions run;
  std::string suite;
  std::string report;
  std::vector<std::string> tuning_sets;  // with which items may overlap
  NeedleOptions needle;
  std::string tokenizer;  // of the lengths of needles' texts; "": the model's
};

void print_scores(const char* title, const std::map<std::string, Score>& scores) {
  fmt::print("{:<16} {:>6} {:>8}   95% interval\n", title, "n", "score");
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    fmt::print("{:<16} {:>6} {:>7.2f}%   {:.2f} .. {:.2f}\n", name, score.n, 100 * score.share(),
               100 * ci.low, 100 * ci.high);
  }
}

// `ci95`: [low, high], or null.
void print_with_interval(const std::string& name, const char* unit, double value,
                         const Json& ci95) {
  fmt::print("{}: {:.2f}{}", name, 100 * value, unit);
  if (!ci95.is_null()) {
    fmt::print("   {:.2f} .. {:.2f}", 100 * ci95[0].get<double>(), 100 * ci95[1].get<double>());
  }
  fmt::print("\n");
}

void print_result(const EvalReport& report, const Session& session) {
  const EvalResult& result = *report.result;
  const Json json = to_json(report);
  if (session.json) {
    fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  if (!result.table.cells.empty()) fmt::print("{}\n", table_markdown(result.table));
  if (!result.groups.empty()) print_scores("group", result.groups);
  if (!result.details.empty()) print_scores("class", result.details);
  print_scores("all", {{report.suite, result.all}});
  if (const Json* pass_at = json_find(json, "pass_at")) {
    for (const auto& [k, share] : pass_at->items()) {
      print_with_interval(fmt::format("pass@{}", k), "%", share, json["pass_at_ci95"][k]);
    }
  }
  for (const Measure& measure : result.measures) {
    print_with_interval(measure.name, "", measure.value,
                        measure.ci95 ? Json{measure.ci95->low, measure.ci95->high} : Json());
  }
  for (const char* cost : {"seconds", "joules"}) {
    if (json[cost].is_null()) continue;
    fmt::print("{}: {:.4g} in all; a reply's median {:.4g}, 90% {:.4g}, most {:.4g}\n", cost,
               json[cost]["sum"].get<double>(), json[cost]["median"].get<double>(),
               json[cost]["p90"].get<double>(), json[cost]["max"].get<double>());
  }
  if (report.contamination) {
    fmt::print(
        "contamination: {}\n",
        in_words(*report.contamination, score_without(*report.contamination, result.records)));
  }
  if (const Json* sandbox = json_find(json, "sandbox")) {
    fmt::print("sandbox: {}\n", sandbox->get<std::string>());
  }
  fmt::print("{} of {} replies right", result.all.right, result.all.replies);
  const auto speed = json["tok_s"].get<double>();
  if (speed > 0) fmt::print("; {:.1f} tokens/s", speed);  // by likelihood nothing is generated
  fmt::print("\n");
}

// On the model that the options open.
Result<EvalResult> evaluate_here(Options& options, const EvalTask& task, Json& run,
                                 const Session& session) {
  EngineReplies replies = replies_of(options.run, task.suite);
  ModelOptions& model = options.run.model;
  if (model.context == 0) model.context = replies.max_tokens + task.suite.prompt_tokens;
  TRY_ASSIGN(const OpenedText opened, open_text_model(model, session));
  const int64_t longest = opened.model->model().info().max_position_embeddings;
  model.context = std::min(model.context, longest);
  TRY(check_room(task, model.context));
  TRY_ASSIGN(replies.adapter, open_adapter(options.run.adapter, opened));
  run = eval_run(options.run, task, replies);
  return evaluate_on(opened, options.run, task, std::move(replies), task.suite.name);
}

// On the server that they name.
Result<EvalResult> evaluate_there(const Options& options, const EvalTask& task, Json& run,
                                  const CLI::App& verb, const Session& session) {
  TRY_ASSIGN(EndpointReplies replies, endpoint_of(options.run, task.suite, verb, session));
  run = eval_run(options.run, task, replies_of(options.run, task.suite));
  return evaluate_source(endpoint_replies(std::move(replies)), run, options.run, task,
                         task.suite.name);
}

// The tokenizer of the model that is scored, if it is at hand, or of the one that is named.
Result<EvalTask> make_needles(Options& options, const Session& session) {
  if (options.tokenizer.empty() && !options.run.endpoint.empty()) {
    return error(
        Code::invalid,
        "needle: expected --tokenizer beside --endpoint: it counts the tokens of --lengths");
  }
  const std::string& model =
      options.tokenizer.empty() ? options.run.model.model : options.tokenizer;
  return open_needles(options.needle, model, options.run, session);
}

Status evaluate(Options options, const CLI::App& verb, const Session& session) {
  if (!options.report.empty()) TRY(check_report_path(options.report));
  TRY(check_choices(options.run, verb, session));
  TRY_ASSIGN(const EvalTask task, options.suite == kNeedle
                                      ? make_needles(options, session)
                                      : open_suite(options.suite, options.run, session));
  std::optional<Contamination> contamination;
  if (!options.tuning_sets.empty()) {
    TRY_ASSIGN(contamination, find_contamination(task.items, options.tuning_sets));
  }
  Json run;
  const bool here = options.run.endpoint.empty();
  TRY_ASSIGN(const EvalResult result, here ? evaluate_here(options, task, run, session)
                                           : evaluate_there(options, task, run, verb, session));
  if (task.suite.sandbox) run["sandbox"] = task.suite.sandbox();
  const EvalReport report = {task.suite.name, run, &result, options.run.items_file,
                             std::move(contamination)};
  print_result(report, session);
  return options.report.empty() ? Status::ok() : write_report(report, options.report);
}

void declare(CLI::App& verb, Options& options, bool names_suite) {
  const bool of_choices = likelihood_suite(options.suite) != nullptr;
  EvalOptions& run = options.run;
  run.model.context = 0;
  run.model.declare(verb, true);
  run.model.declare_drafts(verb);
  declare_adapter(verb, run.adapter);
  if (names_suite)
    verb.add_option("SUITE", options.suite, "name of the suite, or a YAML file")->required();
  if (options.suite == kNeedle) {
    declare_needles(verb, options.needle);
    verb.add_option("--tokenizer", options.tokenizer,
                    "model whose tokenizer counts --lengths; else --model");
  } else {
    verb.add_option("--data", run.data, "public files of the suite, in their own format");
  }
  verb.add_option("--items", run.items_file,
                  "one JSON line for each reply; a run that broke off goes on from it");
  verb.add_option("--contamination", options.tuning_sets,
                  "JSON lines that the model was tuned on: items that overlap are named");
  verb.add_option("--report", options.report, "a report: FILE.html (with plots), .md or .json");
  run.declare_endpoint(verb);
  run.declare_replies(verb);
  if (names_suite || of_choices) run.declare_choices(verb);
}

}  // namespace

void add_eval(CLI::App& app, Session& session) {
  CLI::App* group = app.add_subcommand(
      "eval", std::string(session.say("Score a model on a suite", "在题集上评测模型")));
  group->require_subcommand(1);
  group->footer("Example:\n  hearth eval arithmetic --model mini");
  const auto add = [&](const std::string& name, const std::string& about, bool names_suite) {
    auto options = std::make_shared<Options>();
    if (!names_suite) options->suite = name;
    const std::string words = names_suite ? "run arithmetic" : name;
    const auto verb = std::make_shared<CLI::App*>();
    *verb =
        add_verb(*group, session, name, about, fmt::format("hearth eval {} --model mini", words),
                 [options, verb, &session] { return evaluate(*options, **verb, session); });
    declare(**verb, *options, names_suite);
  };
  add("run", "run a suite by its name", true);
  for (const Suite* suite : all_suites()) {
    add(suite->name, suite->description, false);
  }
  add(std::string(kNeedle), needle_suite({}).description, false);
  add_eval_card(*group, session);
  add_eval_compare(*group, session);
}

}  // namespace hearth::cli
