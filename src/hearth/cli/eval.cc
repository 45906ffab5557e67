// hearth eval: scores of a suite, with confidence intervals and one record for each item.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "hearth/cli/eval_parts.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/eval/own/own_suite.h"
#include "hearth/eval/record.h"
#include "hearth/eval/report.h"
#include "hearth/eval/run.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelOptions model;
  std::string suite;
  std::vector<std::string> data;
  std::string items_file;
  std::string report;
  int64_t limit = 0;
  int64_t batch = 16;
  int64_t samples = 1;
  int64_t max_tokens = 0;
  std::optional<double> temperature, top_p;  // else the suite's
  uint64_t seed = 0;
};

// Room for the prompt beside the longest reply, in tokens.
constexpr int64_t kPromptTokens = 1024;

// --data, or the files that come with the bundled model.
Result<std::vector<EvalItem>> load_items(const Options& options, const Suite& suite,
                                         const Session& session) {
  std::vector<std::string> paths;
  if (!options.data.empty()) {
    paths = options.data;
  } else if (suite.data_files.empty()) {
    return error(Code::invalid, "{}: expected --data with the suite's public file", suite.name);
  } else {
    const fs::path folder = suite_folder(suite.name, session);
    std::istringstream names(suite.data_files);
    for (std::string name; std::getline(names, name, ',');) paths.push_back(folder / name);
  }
  std::vector<EvalItem> items;
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::vector<EvalItem> part, suite.load(path));
    items.insert(items.end(), part.begin(), part.end());
  }
  if (options.limit > 0 && static_cast<int64_t>(items.size()) > options.limit) {
    items.resize(static_cast<size_t>(options.limit));
  }
  return items;
}

void print_scores(const char* title, const std::map<std::string, Score>& scores) {
  fmt::print("{:<16} {:>6} {:>8}   95% interval\n", title, "n", "score");
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    fmt::print("{:<16} {:>6} {:>7.2f}%   {:.2f} .. {:.2f}\n", name, score.n, 100 * score.share(),
               100 * ci.low, 100 * ci.high);
  }
}

void print_result(const EvalReport& report, const Session& session) {
  const EvalResult& result = *report.result;
  const Json json = to_json(report);
  if (session.json) {
    fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  if (!result.groups.empty()) print_scores("group", result.groups);
  if (!result.details.empty()) print_scores("class", result.details);
  print_scores("all", {{report.suite, result.all}});
  if (const Json* pass_at = json_find(json, "pass_at")) {
    for (const auto& [k, share] : pass_at->items()) {
      fmt::print("pass@{}: {:.2f}%\n", k, 100 * share.get<double>());
    }
  }
  for (const Measure& measure : result.measures) {
    fmt::print("{}: {:.2f}\n", measure.name, 100 * measure.value);
  }
  fmt::print("{} of {} replies right; {:.1f} tokens/s\n", result.all.right, result.all.replies,
             json["tok_s"].get<double>());
}

// By its name, or a YAML file that describes one.
Result<Suite> suite_of(const std::string& name) {
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return own::open_suite(name);
  if (const Suite* suite = find_suite(name)) return *suite;
  std::string names;
  for (const Suite* s : all_suites()) names += s->name + ", ";
  return error(Code::invalid, "suite: expected one of {}or a file .yaml, found `{}`", names, name);
}

EvalSettings settings_of(const Options& options, const Suite& suite) {
  EvalSettings settings;
  settings.batch = options.batch;
  settings.samples = options.samples;
  settings.max_tokens = options.max_tokens > 0 ? options.max_tokens : suite.max_tokens;
  settings.sampling.temperature = options.temperature.value_or(suite.temperature);
  settings.sampling.top_p = options.top_p.value_or(suite.top_p);
  settings.sampling.seed = options.seed;
  return settings;
}

// What must be the same for records to belong to one run.
Json run_of(const Options& options, const Suite& suite, const EvalSettings& settings,
            size_t items) {
  Json run = {{"suite", suite.name},
              {"model", options.model.model},
              {"dtype", options.model.load_in_8bit ? "int8" : options.model.dtype},
              {"activations", options.model.activations},
              {"kv_format", options.model.kv_format},
              {"ctx", options.model.context},
              {"items", items},
              {"samples", settings.samples},
              {"max_tokens", settings.max_tokens},
              {"temperature", settings.sampling.temperature},
              {"top_p", settings.sampling.top_p},
              {"seed", settings.sampling.seed}};
  if (!suite.scorer.empty()) run["scorer"] = suite.scorer;
  return run;
}

std::string running_score(const Score& score) {
  const Interval ci = score.ci95();
  return fmt::format("{:.1f}% [{:.1f}, {:.1f}]", 100 * score.share(), 100 * ci.low, 100 * ci.high);
}

Result<EvalResult> run_on(const OpenedText& opened, const Options& options, const Suite& suite,
                          const std::vector<EvalItem>& items, EvalSettings settings) {
  EngineOptions engine_options = engine_options_of(options.model);
  engine_options.limits.sequences_max = options.batch;
  engine_options.kv_blocks =
      affordable_kv_blocks(options.batch, opened.model->model().kv_spec(engine_options.kv_format),
                           options.model.context);
  Engine engine(opened.model->model(), *opened.backend, engine_options, opened.model->banned());
  std::optional<RecordFile> file;
  if (!options.items_file.empty()) {
    const Json run = run_of(options, suite, settings, items.size());
    TRY_ASSIGN(RecordFile records, RecordFile::open(options.items_file, run, items));
    settings.earlier = records.earlier();
    file.emplace(std::move(records));
    settings.on_record = [&file](const EvalRecord& record) { return file->append(record); };
  }
  Progress progress(suite.name);
  settings.progress = [&](int64_t done, int64_t total, const Score& score) {
    progress.update(done, total, running_score(score));
    return true;
  };
  return run_suite(suite, items, *opened.model, engine, std::move(settings));
}

Status evaluate(Options options, const Session& session) {
  TRY_ASSIGN(const Suite suite, suite_of(options.suite));
  if (options.suite != suite.name && options.data.empty() && !suite.data_files.empty()) {
    options.data = {suite.data_files};  // beside the YAML, not beside the bundled data
  }
  if (suite.ready) TRY(suite.ready());
  if (!options.report.empty()) TRY(check_report_path(options.report));
  TRY_ASSIGN(const std::vector<EvalItem> items, load_items(options, suite, session));
  EvalSettings settings = settings_of(options, suite);
  if (options.model.context == 0) options.model.context = settings.max_tokens + kPromptTokens;
  TRY_ASSIGN(const OpenedText opened, open_text_model(options.model, session));
  const int64_t longest = opened.model->model().info().max_position_embeddings;
  options.model.context = std::min(options.model.context, longest);
  const Json run = run_of(options, suite, settings, items.size());
  TRY_ASSIGN(const EvalResult result, run_on(opened, options, suite, items, std::move(settings)));
  const EvalReport report = {suite.name, run, &result, options.items_file};
  print_result(report, session);
  return options.report.empty() ? Status::ok() : write_report(report, options.report);
}

void declare(CLI::App& verb, Options& options, bool names_suite) {
  options.model.context = 0;
  options.model.declare(verb, true);
  options.model.declare_drafts(verb);
  if (names_suite)
    verb.add_option("SUITE", options.suite, "name of the suite, or a YAML file")->required();
  verb.add_option("--data", options.data, "public files of the suite, in their own format");
  verb.add_option("--items", options.items_file,
                  "one JSON line for each reply; a run that broke off goes on from it");
  verb.add_option("--report", options.report, "a report: FILE.html (with plots), .md or .json");
  verb.add_option("--limit", options.limit, "only the first items");
  verb.add_option("--batch", options.batch, "replies that are written together")
      ->check(CLI::Range(1, 1024));
  verb.add_option("--samples", options.samples, "replies to each item")->check(CLI::Range(1, 1024));
  verb.add_option("--max-tokens", options.max_tokens, "longest reply; 0: the suite's");
  verb.add_option("--temperature", options.temperature, "0: greedy; else the suite's")
      ->check(CLI::Range(0.0, 100.0));
  verb.add_option("--top-p", options.top_p, "share of the likeliest tokens; else the suite's")
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--seed", options.seed, "seed of the sampling");
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
    CLI::App* verb =
        add_verb(*group, session, name, about, fmt::format("hearth eval {} --model mini", words),
                 [options, &session] { return evaluate(*options, session); });
    declare(*verb, *options, names_suite);
  };
  add("run", "run a suite by its name", true);
  for (const Suite* suite : all_suites()) {
    add(suite->name, suite->description, false);
  }
  add_eval_compare(*group, session);
}

}  // namespace hearth::cli
