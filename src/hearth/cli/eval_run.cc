// See eval_run.h.
#include "hearth/cli/eval_run.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/eval/likelihood.h"
#include "hearth/eval/own/own_suite.h"
#include "hearth/eval/record.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kKeyBytesMax = 4096;

Result<Suite> find_or_open(const std::string& name, bool by_likelihood) {
  if (by_likelihood) {
    if (const Suite* suite = likelihood_suite(name)) return *suite;
    std::string names;
    for (const Suite& s : choice_suites()) names += (names.empty() ? "" : ", ") + s.name;
    return error(Code::invalid,
                 "--choices likelihood: expected a suite of choices ({}), found `{}`", names, name);
  }
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

void keep_limit(EvalTask& task, const EvalOptions& options) {
  if (options.limit > 0 && std::ssize(task.items) > options.limit) {
    task.items.resize(static_cast<size_t>(options.limit));
  }
}

}  // namespace

Result<EvalTask> open_suite(const std::string& name, const EvalOptions& options,
                            const Session& session) {
  EvalTask task;
  TRY_ASSIGN(task.suite, find_or_open(name, options.by_likelihood()));
  if (task.suite.ready) TRY(task.suite.ready());
  TRY_ASSIGN(const std::vector<std::string> paths, data_paths(name, options, task.suite, session));
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::vector<EvalItem> part, task.suite.load(path));
    task.items.insert(task.items.end(), part.begin(), part.end());
  }
  keep_limit(task, options);
  return task;
}

Result<EvalTask> open_needles(NeedleOptions needle, const std::string& tokenizer,
                              const EvalOptions& options, const Session& session) {
  TRY_ASSIGN(const std::string path, resolve_model(tokenizer, session));
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  TRY_ASSIGN(const Tokenizer counter, load_tokenizer(checkpoint));
  needle.seed = options.seed;
  EvalTask task;
  task.suite = needle_suite(needle);
  TRY_ASSIGN(task.items, needle_items(needle, [&](std::string_view text) {
               return std::ssize(counter.encode(text, {.add_special_prefix_suffix = false}));
             }));
  keep_limit(task, options);
  return task;
}

Status check_room(const EvalTask& task, int64_t context) {
  if (task.suite.load || context > task.suite.prompt_tokens) return Status::ok();
  return error(Code::invalid, "{}: expected a context of more than {} tokens, found {}",
               task.suite.name, task.suite.prompt_tokens, context);
}

namespace {

// Options that say how a model of this process computes.
Status check_beside_endpoint(const CLI::App& verb, const Session& session) {
  const char* const name =
      typed_option({"--adapter", "--dtype", "--load-in-8bit", "--activations", "--kv-format",
                    "--ctx", "--threads", "--device", "--gpu-memory", "--weights", "--memory",
                    "--expert-memory", "--draft", "--draft-model", "--draft-max"},
                   verb, session);
  if (name == nullptr) return Status::ok();
  return error(Code::invalid, "{}: expected no such option beside --endpoint: the server decides",
               name);
}

Result<std::string> key_of(const std::string& path) {
  TRY_ASSIGN(const std::string content, read_file(path, kKeyBytesMax));
  const std::string key = content.substr(0, content.find_first_of("\r\n"));
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!key.empty() && printable) return key;
  return error(Code::invalid, "{}: expected a key alone on the first line", path);
}

}  // namespace

Status check_choices(const EvalOptions& options, const CLI::App& verb, const Session& session) {
  if (!options.by_likelihood()) return Status::ok();
  if (!options.endpoint.empty()) {
    return error(Code::invalid,
                 "--choices likelihood: expected a model of this process, found --endpoint: chat "
                 "completions give no log-probability of a text that is given");
  }
  const char* const name = typed_option({"--samples", "--max-tokens", "--temperature", "--top-p",
                                         "--draft", "--draft-model", "--draft-max"},
                                        verb, session);
  if (name == nullptr) return Status::ok();
  return error(Code::invalid,
               "{}: expected no such option beside --choices likelihood: no reply is written",
               name);
}

Result<EndpointReplies> endpoint_of(const EvalOptions& options, const Suite& suite,
                                    const CLI::App& verb, const Session& session) {
  TRY(check_beside_endpoint(verb, session));
  const EngineReplies replies = replies_of(options, suite);
  EndpointReplies out;
  out.url = options.endpoint;
  out.model = options.model.model;
  out.sampling = replies.sampling;
  out.max_tokens = replies.max_tokens;
  out.together = options.batch;
  out.retries = options.retries;
  out.http.stall_seconds = 0;  // a server thinks for minutes before its first byte
  out.http.whole_seconds = options.timeout_seconds;
  if (const char* certificates = std::getenv("SSL_CERT_FILE")) out.http.certificates = certificates;
  out.notice = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  if (!options.key_file.empty()) {
    TRY_ASSIGN(out.key, key_of(options.key_file));
  }
  TRY(check_endpoint(out));
  return out;
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
  Json run = {{"suite", task.suite.name}, {"model", options.model.model}};
  if (options.endpoint.empty()) {
    run["dtype"] = options.model.load_in_8bit ? "int8" : options.model.dtype;
    run["activations"] = options.model.activations;
    run["kv_format"] = options.model.kv_format;
    run["ctx"] = options.model.context;
  } else {
    run["endpoint"] = options.endpoint;
  }
  run["items"] = task.items.size();
  run["samples"] = options.samples;
  run["max_tokens"] = replies.max_tokens;
  run["temperature"] = replies.sampling.temperature;
  run["top_p"] = replies.sampling.top_p;
  run["seed"] = options.seed;
  if (options.by_likelihood()) run["choices"] = options.choices;
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
  const LikelihoodReplies scored = {replies.batch, replies.adapter, replies.energy};
  return evaluate_source(options.by_likelihood() ? likelihood_replies(*opened.model, engine, scored)
                                                 : engine_replies(*opened.model, engine, replies),
                         eval_run(options, task, replies), options, task, title);
}

Result<EvalResult> evaluate_source(const ReplySource& source, const Json& run,
                                   const EvalOptions& options, const EvalTask& task,
                                   const std::string& title) {
  EvalSettings settings;
  settings.seed = options.seed;
  settings.samples = options.samples;
  std::optional<RecordFile> file;
  if (!options.items_file.empty()) {
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
  return run_suite(task.suite, task.items, source, std::move(settings));
}

void EvalOptions::declare_endpoint(CLI::App& verb) {
  verb.add_option(
      "--endpoint", endpoint,
      "a server that speaks the OpenAI API (https://host/v1) writes the replies; --model "
      "is its name for a model");
  verb.add_option("--api-key-file", key_file, "file whose first line is the server's key");
  verb.add_option("--timeout", timeout_seconds, "of a server's reply, in seconds")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  verb.add_option("--retries", retries, "how often in a row a busy server is asked again")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
}

void declare_needles(CLI::App& verb, NeedleOptions& needle) {
  verb.add_option("--lengths", needle.lengths, "of the prompts, in tokens, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--depths", needle.depths, "of the needles, in percent of the text before them")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--needles", needle.needles, "for each length and depth, each in another text")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

void EvalOptions::declare_choices(CLI::App& verb) {
  verb.add_option("--choices", choices,
                  "how a suite of choices is scored: the reply's letter, or the likeliest choice")
      ->check(CLI::IsMember({"generation", "likelihood"}))
      ->capture_default_str();
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
