// See eval_run.h.
#include "hearth/cli/eval_run.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hearth/cli/progress.h"
#include "hearth/eval/own/own_suite.h"
#include "hearth/eval/record.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

Result<Suite> find_or_open(const std::string& name) {
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return own::open_suite(name);
  if (const Suite* suite = find_suite(name)) return *suite;
  std::string names;
  for (const Suite* s : all_suites()) names += s->name + ", ";
  return error(Code::invalid, "suite: expected one of {}or a file .yaml, found `{}`", names, name);
}

std::string running_score(const Score& score) {
  const Interval ci = score.ci95();
  return fmt::format("{:.1f}% [{:.1f}, {:.1f}]", 100 * score.share(), 100 * ci.low, 100 * ci.high);
}

// --data, or what a YAML file names, or the files that come with Hearth.
Result<std::vector<std::string>> data_paths(const std::string& name, const EvalOptions& options,
                                            const Suite& suite, const Session& session) {
  if (!options.data.empty()) return options.data;
  if (suite.data_files.empty()) {
    return error(Code::invalid, "{}: expected --data with the suite's public file", suite.name);
  }
  if (name != suite.name) return std::vector{suite.data_files};
  std::vector<std::string> paths;
  const fs::path folder = suite_folder(suite.name, session);
  std::istringstream names(suite.data_files);
  for (std::string file; std::getline(names, file, ',');) paths.push_back(folder / file);
  return paths;
}

}  // namespace

Result<EvalTask> open_suite(const std::string& name, const EvalOptions& options,
                            const Session& session) {
  EvalTask task;
  TRY_ASSIGN(task.suite, find_or_open(name));
  if (task.suite.ready) TRY(task.suite.ready());
  TRY_ASSIGN(const std::vector<std::string> paths, data_paths(name, options, task.suite, session));
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::vector<EvalItem> part, task.suite.load(path));
    task.items.insert(task.items.end(), part.begin(), part.end());
  }
  if (options.limit > 0 && std::ssize(task.items) > options.limit) {
    task.items.resize(static_cast<size_t>(options.limit));
  }
  return task;
}

EngineReplies replies_of(const EvalOptions& options, const Suite& suite) {
  EngineReplies replies;
  replies.batch = options.batch;
  replies.max_tokens = options.max_tokens > 0 ? options.max_tokens : suite.max_tokens;
  replies.sampling.temperature = options.temperature.value_or(suite.temperature);
  replies.sampling.top_p = options.top_p.value_or(suite.top_p);
  return replies;
}

Json eval_run(const EvalOptions& options, const EvalTask& task, const EngineReplies& replies) {
  Json run = {{"suite", task.suite.name},
              {"model", options.model.model},
              {"dtype", options.model.load_in_8bit ? "int8" : options.model.dtype},
              {"activations", options.model.activations},
              {"kv_format", options.model.kv_format},
              {"ctx", options.model.context},
              {"items", task.items.size()},
              {"samples", options.samples},
              {"max_tokens", replies.max_tokens},
              {"temperature", replies.sampling.temperature},
              {"top_p", replies.sampling.top_p},
              {"seed", options.seed}};
  if (!options.adapter.empty()) run["adapter"] = options.adapter;
  if (!task.suite.scorer.empty()) run["scorer"] = task.suite.scorer;
  return run;
}

Result<EvalResult> evaluate_on(const OpenedText& opened, const EvalOptions& options,
                               const EvalTask& task, EngineReplies replies,
                               const std::string& title) {
  EngineOptions engine_options = engine_options_of(options.model, opened);
  engine_options.limits.sequences_max = options.batch;
  engine_options.kv_blocks = affordable_kv_blocks(
      options.batch, kv_block_bytes(engine_options, opened.model->model()), options.model.context);
  Engine engine(opened.model->model(), *opened.backend, engine_options, opened.model->banned());
  // The CPUs' counters don't see what a GPU takes; many machines have none that may be read.
  std::optional<RaplCounter> energy;
  if (opened.backend->name() != "cuda") {
    if (auto counter = RaplCounter::open()) energy = *std::move(counter);
  }
  replies.energy = energy ? &*energy : nullptr;
  EvalSettings settings;
  settings.seed = options.seed;
  settings.samples = options.samples;
  std::optional<RecordFile> file;
  if (!options.items_file.empty()) {
    const Json run = eval_run(options, task, replies);
    TRY_ASSIGN(RecordFile records, RecordFile::open(options.items_file, run, task.items));
    settings.earlier = records.earlier();
    file.emplace(std::move(records));
    settings.on_record = [&file](const EvalRecord& record) { return file->append(record); };
  }
  Progress progress(title);
  settings.progress = [&](int64_t done, int64_t total, const Score& score) {
    progress.update(done, total, running_score(score));
    return true;
  };
  return run_suite(task.suite, task.items, engine_replies(*opened.model, engine, replies),
                   std::move(settings));
}

void EvalOptions::declare_replies(CLI::App& verb) {
  verb.add_option("--limit", limit, "only the first items");
  verb.add_option("--batch", batch, "replies that are written together")
      ->check(CLI::Range(1, 1024));
  verb.add_option("--samples", samples, "replies to each item")->check(CLI::Range(1, 1024));
  verb.add_option("--max-tokens", max_tokens, "longest reply; 0: the suite's");
  verb.add_option("--temperature", temperature, "0: greedy; else the suite's")
      ->check(CLI::Range(0.0, 100.0));
  verb.add_option("--top-p", top_p, "share of the likeliest tokens; else the suite's")
      ->check(CLI::Range(0.0, 1.0));
  verb.add_option("--seed", seed, "seed of the sampling");
}

}  // namespace hearth::cli
