// hearth eval card: what each quantisation of a model costs. Quantises, scores a suite and a text,
// holds both against the model as it is stored, and writes one table.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/cli/eval_parts.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/convert/quantize.h"
#include "hearth/eval/compare.h"
#include "hearth/eval/perplexity.h"
#include "hearth/eval/run.h"
#include "hearth/files/atomic_file.h"
#include "hearth/sensors/cpu.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTextBytesMax = int64_t{1} << 30;
constexpr int64_t kPromptTokens = 1024;
constexpr int64_t kWindow = 512;  // of perplexity

struct Options {
  ModelOptions model;
  std::vector<std::string> formats;
  std::string suite = "arithmetic";
  std::vector<std::string> data;
  std::string file;    // of perplexity; "": the suite's own prompts and answers
  std::string folder;  // of the quantised files
  std::string out;     // Markdown
  int64_t limit = 0;
  int64_t batch = 16;
  int64_t max_tokens = 0;
  uint64_t seed = 0;
};

// A model and what it was measured to be. Its scores are of the same items for all rows.
struct Row {
  std::string format;
  int64_t bytes = 0;
  EvalResult result;
  PerplexityResult text;
  std::optional<RunComparison> against_base;  // none: the base itself
};

struct Task {
  const Suite* suite;
  std::vector<EvalItem> items;
  std::string text;
};

Result<Task> task_of(const Options& options, const Session& session) {
  Task task;
  task.suite = find_suite(options.suite);
  if (task.suite == nullptr) {
    return error(Code::invalid, "--suite: expected the name of a suite, found `{}`", options.suite);
  }
  if (task.suite->ready) TRY(task.suite->ready());
  std::vector<std::string> paths = options.data;
  if (paths.empty()) {
    if (task.suite->data_files.empty()) {
      return error(Code::invalid, "{}: expected --data with the suite's public file",
                   task.suite->name);
    }
    for (const std::string& name : CLI::detail::split(task.suite->data_files, ',')) {
      paths.push_back((fs::path(suite_folder(task.suite->name, session)) / name).string());
    }
  }
  for (const std::string& path : paths) {
    TRY_ASSIGN(std::vector<EvalItem> part, task.suite->load(path));
    task.items.insert(task.items.end(), part.begin(), part.end());
  }
  if (options.limit > 0 && std::ssize(task.items) > options.limit) {
    task.items.resize(static_cast<size_t>(options.limit));
  }
  if (!options.file.empty()) {
    TRY_ASSIGN(task.text, read_file(options.file, kTextBytesMax));
  } else {
    for (const EvalItem& item : task.items) task.text += item.prompt + " " + item.answer + "\n";
  }
  return task;
}

Result<EvalResult> score(const OpenedText& opened, const Options& options, const Task& task,
                         const std::string& name) {
  EngineOptions engine_options = engine_options_of(options.model);
  engine_options.limits.sequences_max = options.batch;
  engine_options.kv_blocks =
      affordable_kv_blocks(options.batch, opened.model->model().kv_spec(engine_options.kv_format),
                           options.model.context);
  Engine engine(opened.model->model(), *opened.backend, engine_options, opened.model->banned());
  EvalSettings settings;
  settings.batch = options.batch;
  settings.max_tokens = options.max_tokens;
  settings.sampling.temperature = task.suite->temperature;
  settings.sampling.top_p = task.suite->top_p;
  settings.sampling.seed = options.seed;
  const InterruptGuard interrupt;
  Progress progress(name);
  settings.progress = [&](int64_t done, int64_t total, const Score& so_far) {
    progress.update(done, total, fmt::format("{:.1f}%", 100 * so_far.share()));
    return !interrupt.pressed();
  };
  return run_suite(*task.suite, task.items, *opened.model, engine, std::move(settings));
}

Result<Row> measure(const std::string& format, const std::string& path, Options options,
                    const Task& task, const OpenedText* base, OpenedText* opened_out,
                    const Session& session) {
  Row row;
  row.format = format;
  options.model.model = path;
  TRY_ASSIGN(OpenedText opened, open_text_model(options.model, session));
  const Model& model = opened.model->model();
  options.model.context = std::min(options.model.context, model.info().max_position_embeddings);
  TRY_ASSIGN(row.result, score(opened, options, task, format));
  const std::vector<int32_t> ids = opened.model->plain(task.text, true).ids;
  std::optional<LogitSource> reference;
  if (base != nullptr) {
    reference = LogitSource{&base->model->model(), base->backend.get(), Format::f16};
  }
  PerplexitySettings settings;
  settings.window = std::min(kWindow, model.info().max_position_embeddings - 1);
  TRY_ASSIGN(row.text, perplexity({&model, opened.backend.get(), kv_format_of(options.model)},
                                  reference, ids, opened.model->tokenizer().bos(), settings));
  if (opened_out != nullptr) *opened_out = std::move(opened);
  return row;
}

Result<std::string> quantised(const std::string& format, const Options& options,
                              const Session& session, int64_t& bytes) {
  QuantizeOptions work;
  TRY_ASSIGN(work.recipe.mix, mix_by_name(format));
  TRY_ASSIGN(const CpuInfo cpu, read_cpu());
  work.threads = cpu.usable_threads();
  work.replace = true;
  const std::string path = (fs::path(options.folder) / (format + ".gguf")).string();
  TRY_ASSIGN(const QuantizeReport report,
             quantize(resolve_model(options.model.model, session), path, work));
  bytes = report.bytes_out;
  return path;
}

int64_t bytes_of(const std::string& path) {
  std::error_code ignored;
  const auto size = [&](const fs::path& file) {
    return static_cast<int64_t>(fs::file_size(file, ignored));
  };
  if (fs::is_regular_file(path, ignored)) return size(path);
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().extension() == ".safetensors") bytes += size(entry.path());
  }
  return bytes;
}

StoredRecords stored(const Task& task, const Row& row) {
  return {{{"suite", task.suite->name}}, row.result.records};
}

double tokens_per_second(const Row& row) {
  return row.result.seconds > 0 ? static_cast<double>(row.result.new_tokens) / row.result.seconds
                                : 0;
}

std::string markdown(const Options& options, const Task& task, const std::vector<Row>& rows) {
  std::string out = fmt::format(
      "# Quantisation card of {}\n\nSuite `{}`, {} items; perplexity and KL over {} tokens. "
      "Written "
      "by\n`hearth eval card --model {} --suite {} --formats {}`.\n\n"
      "| format | MB | tok/s | score | 95 % interval | perplexity | KL mean | same best token | "
      "against the base |\n|---|---|---|---|---|---|---|---|---|\n",
      options.model.model, task.suite->name, task.items.size(), rows[0].text.tokens,
      options.model.model, task.suite->name, fmt::join(options.formats, ","));
  for (const Row& row : rows) {
    const Interval ci = row.result.all.ci95();
    out += fmt::format("| {} | {:.1f} | {:.0f} | {:.2f} % | {:.2f} to {:.2f} | {:.4f} |",
                       row.format, static_cast<double>(row.bytes) / 1e6, tokens_per_second(row),
                       100 * row.result.all.share(), 100 * ci.low, 100 * ci.high, row.text.ppl);
    if (!row.against_base) {
      out += " | | the base |\n";
      continue;
    }
    const RunComparison& c = *row.against_base;
    out += fmt::format(" {:.5f} | {:.2f} % | {} ({:+.2f}, {:+.2f} to {:+.2f}) |\n",
                       *row.text.kld_mean, 100 * *row.text.same_top1, verdict_name(c.verdict),
                       100 * c.difference, 100 * c.ci95.low, 100 * c.ci95.high);
  }
  return out;
}

Json to_json(const Row& row) {
  const Interval ci = row.result.all.ci95();
  Json out = {{"format", row.format},
              {"bytes", row.bytes},
              {"tok_s", tokens_per_second(row)},
              {"n", row.result.all.n},
              {"score", row.result.all.share()},
              {"ci95", {ci.low, ci.high}},
              {"ppl", row.text.ppl}};
  if (!row.against_base) return out;
  out["kld_mean"] = *row.text.kld_mean;
  out["same_top1"] = *row.text.same_top1;
  out["difference"] = row.against_base->difference;
  out["verdict"] = verdict_name(row.against_base->verdict);
  return out;
}

Status make_card(Options options, const Session& session) {
  for (const std::string& format : options.formats) TRY(mix_by_name(format));
  TRY_ASSIGN(const Task task, task_of(options, session));
  if (options.max_tokens == 0) options.max_tokens = task.suite->max_tokens;
  options.model.context = options.max_tokens + kPromptTokens;
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  if (failed) return error(Code::invalid, "--dir {}: {}", options.folder, failed.message());
  std::vector<Row> rows;
  OpenedText base;
  TRY_ASSIGN(Row first,
             measure("as stored", options.model.model, options, task, nullptr, &base, session));
  first.bytes = bytes_of(resolve_model(options.model.model, session));
  rows.push_back(std::move(first));
  for (const std::string& format : options.formats) {
    int64_t bytes = 0;
    TRY_ASSIGN(const std::string path, quantised(format, options, session, bytes));
    TRY_ASSIGN(Row row, measure(format, path, options, task, &base, nullptr, session));
    row.bytes = bytes;
    TRY_ASSIGN(row.against_base, compare_runs(stored(task, rows[0]), stored(task, row)));
    rows.push_back(std::move(row));
  }
  const std::string table = markdown(options, task, rows);
  if (!options.out.empty()) TRY(write_whole(options.out, table));
  if (!session.json) {
    fmt::print("{}", table);
    return Status::ok();
  }
  Json json = {{"suite", task.suite->name}, {"rows", Json::array()}};
  for (const Row& row : rows) json["rows"].push_back(to_json(row));
  fmt::print("{}\n", json.dump());
  return Status::ok();
}

}  // namespace

void add_eval_card(CLI::App& group, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(group, session, "card", "a table of what each quantisation of a model costs",
               "hearth eval card --model mini --formats q8_0,q4_k_m --dir quantised --out card.md",
               [options, &session] { return make_card(*options, session); });
  options->model.declare(*verb, true);
  verb->add_option("--formats", options->formats, "mixes of `hearth quantize`, separated by commas")
      ->delimiter(',')
      ->required();
  verb->add_option("--dir", options->folder, "where the quantised files are written, FORMAT.gguf")
      ->required();
  verb->add_option("--suite", options->suite, "name of the suite");
  verb->add_option("--data", options->data, "public files of the suite, in their own format");
  verb->add_option("--file", options->file,
                   "text of the perplexity, else the suite's prompts and answers");
  verb->add_option("--out", options->out, "the table as Markdown");
  verb->add_option("--limit", options->limit, "only the first items");
  verb->add_option("--batch", options->batch, "replies that are written together")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--max-tokens", options->max_tokens, "longest reply; 0: the suite's");
  verb->add_option("--seed", options->seed, "seed of the sampling");
}

}  // namespace hearth::cli
