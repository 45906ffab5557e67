// hearth eval: scores of a suite, with confidence intervals and one record for each item.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/eval/run.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelOptions model;
  std::string suite;
  std::string data;
  std::string items_file;
  int64_t limit = 0;
  int64_t batch = 16;
  double temperature = 0;
  uint64_t seed = 0;
};

// --data, or the files that come with the bundled model.
Result<std::vector<EvalItem>> load_items(const Options& options, const Suite& suite,
                                         const Session& session) {
  std::vector<std::string> paths;
  if (!options.data.empty()) {
    paths.push_back(options.data);
  } else {
    const fs::path folder = suite_folder(suite.name, session);
    std::istringstream names{std::string(suite.data_files)};
    for (std::string name; std::getline(names, name, ',');) paths.push_back(folder / name);
  }
  std::vector<EvalItem> items;
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::vector<EvalItem> part, suite.load(path));
    items.insert(items.end(), part.begin(), part.end());
  }
  return items;
}

Json to_json(const Score& score) {
  const Interval ci = score.ci95();
  return {{"n", score.n},
          {"right", score.right},
          {"score", score.share()},
          {"ci95", {ci.low, ci.high}}};
}

Json to_json(const std::map<std::string, Score>& scores) {
  Json out = Json::object();
  for (const auto& [name, score] : scores) out[name] = to_json(score);
  return out;
}

Status write_items(const std::string& path, const EvalResult& result) {
  std::ofstream file(path);
  for (const EvalRecord& r : result.records) {
    const Json line = {{"id", r.item.id},
                       {"prompt", r.item.prompt},
                       {"answer", r.item.answer},
                       {"reply", r.reply.text},
                       {"reasoning", r.reply.reasoning},
                       {"tokens", r.reply.output_ids.size()},
                       {"finish_reason", std::string(finish_reason_name(r.reply.finish_reason))},
                       {"right", r.right}};
    file << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  file.close();
  if (!file) return error(Code::invalid, "{}: cannot write", path);
  return Status::ok();
}

void print_scores(const char* title, const std::map<std::string, Score>& scores) {
  fmt::print("{:<16} {:>6} {:>8}   95% interval\n", title, "n", "score");
  for (const auto& [name, score] : scores) {
    const Interval ci = score.ci95();
    fmt::print("{:<16} {:>6} {:>7.2f}%   {:.2f} .. {:.2f}\n", name, score.n, 100 * score.share(),
               100 * ci.low, 100 * ci.high);
  }
}

void print_result(const Options& options, const EvalResult& result, const Session& session) {
  if (!session.json) {
    print_scores("task", result.groups);
    fmt::print("\n");
    print_scores("class", result.details);
    fmt::print("\nall: {} of {} right; {:.1f} tokens/s\n", result.all.right, result.all.n,
               result.timings.decode_tokens_per_second());
    return;
  }
  Json out = {{"suite", options.suite}};
  out.update(to_json(result.all));
  out["groups"] = to_json(result.groups);
  out["classes"] = to_json(result.details);
  out["items_file"] = options.items_file;
  out["tokens"] = result.timings.decode_tokens;
  out["tok_s"] = result.timings.decode_tokens_per_second();
  fmt::print("{}\n", out.dump());
}

Result<const Suite*> suite_of(const Options& options) {
  if (const Suite* suite = find_suite(options.suite)) return suite;
  std::string names;
  for (const Suite* s : all_suites()) names += (names.empty() ? "" : ", ") + std::string(s->name);
  return error(Code::invalid, "suite: expected one of {}, found `{}`", names, options.suite);
}

Status evaluate(const Options& options, const Session& session) {
  TRY_ASSIGN(const Suite* suite, suite_of(options));
  TRY_ASSIGN(std::vector<EvalItem> items, load_items(options, *suite, session));
  TRY_ASSIGN(const OpenedText opened, open_text_model(options.model, session));
  EngineOptions engine_options = engine_options_of(options.model);
  engine_options.limits.sequences_max = options.batch;
  engine_options.kv_blocks = options.batch * Scheduler::blocks_for(options.model.context);
  Engine engine(opened.model->model(), *opened.backend, engine_options, opened.model->banned());
  EvalSettings settings;
  settings.limit = options.limit;
  settings.batch = options.batch;
  settings.sampling.temperature = options.temperature;
  settings.sampling.seed = options.seed;
  Progress progress(suite->name);
  settings.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return true;
  };
  TRY_ASSIGN(const EvalResult result,
             run_suite(*suite, std::move(items), *opened.model, engine, settings));
  progress.clear();
  if (!options.items_file.empty()) TRY(write_items(options.items_file, result));
  print_result(options, result, session);
  return Status::ok();
}

void declare(CLI::App& verb, Options& options, bool names_suite) {
  options.model.context = 1024;
  options.model.declare(verb, true);
  if (names_suite) verb.add_option("SUITE", options.suite, "name of the suite")->required();
  verb.add_option("--data", options.data, "items of the suite, in its own format");
  verb.add_option("--items", options.items_file, "write one JSON line for each item here");
  verb.add_option("--limit", options.limit, "only the first items");
  verb.add_option("--batch", options.batch, "items that run together")->check(CLI::Range(1, 1024));
  verb.add_option("--temperature", options.temperature, "0: greedy")->check(CLI::Range(0.0, 100.0));
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
    add(std::string(suite->name), std::string(suite->description), false);
  }
}

}  // namespace hearth::cli
