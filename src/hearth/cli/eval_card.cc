// hearth eval card: what each format of a model costs. Quantises, measures, scores, and holds every
// row against the model as it is stored. A card that broke off goes on: its files and its replies
// lie in --dir.
#include <fmt/ranges.h>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/bench/speed_run.h"
#include "hearth/cli/eval_parts.h"
#include "hearth/cli/eval_run.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/convert/quantize.h"
#include "hearth/eval/card.h"
#include "hearth/eval/choice_suites.h"
#include "hearth/files/atomic_file.h"
#include "hearth/host/memory_plan.h"
#include "hearth/sensors/cpu.h"
#include "hearth/serve/weights_hash.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTextBytesMax = int64_t{1} << 30;
constexpr int64_t kWindow = 512;          // of perplexity, in tokens
constexpr size_t kOwnReplies = 64;        // of the base, where no text is named
constexpr int64_t kOwnReplyTokens = 512;  // the longest of them
constexpr int64_t kSpeedTokens = 32;
constexpr int kSpeedRuns = 5;
constexpr std::string_view kBase = "as stored";
constexpr const char* kGeneration = "generation";

struct Options {
  EvalOptions run;
  std::vector<std::string> formats;
  std::vector<std::string> suites = {"arithmetic"};
  NeedleOptions needle;
  std::string imatrix;
  std::string file;    // of perplexity; "": the base's own replies
  std::string folder;  // of the quantised files and the records
  std::string out;     // Markdown
};

// What all rows share.
struct Work {
  Options options;
  std::vector<EvalTask> tasks;
  std::optional<Imatrix> imatrix;
  int threads = 1;  // that quantise
  OpenedText base;
  std::vector<int32_t> text;         // of perplexity; or
  std::vector<ScoredReply> replies;  // the base's own
  std::string text_name;

  std::string path(const std::string& name) const {
    return (fs::path(options.folder) / name).string();
  }
  std::string records_path(std::string_view format, const EvalTask& task) const {
    return path(fmt::format("{}.{}.records", format, task.suite.name));
  }
};

// A folder belongs to one model and one importance matrix, by the hashes of their bytes: what lies
// there from an earlier run is taken as it is.
Status claim_folder(const Work& work, const Session& session) {
  std::error_code failed;
  fs::create_directories(work.options.folder, failed);
  if (failed) {
    return error(Code::invalid, "--dir {}: {}", work.options.folder, failed.message());
  }
  TRY_ASSIGN(const std::string model, resolve_model(work.options.run.model.model, session));
  Json source;
  TRY_ASSIGN(source["model"], serve::hash_of_model(model));
  if (work.imatrix) {
    TRY_ASSIGN(source["imatrix"], serve::hash_of_file(work.options.imatrix));
  }
  const std::string claim = work.path("card.json");
  if (!fs::exists(claim, failed)) return write_whole(claim, source.dump() + "\n");
  TRY_ASSIGN(const Json found, read_json_file(claim));
  if (found == source) return Status::ok();
  return error(Code::invalid, "--dir {}: expected the card of {}, found that of other weights ({})",
               work.options.folder, model, claim);
}

Result<std::string> quantised(const std::string& format, const Work& work, const Session& session) {
  const std::string path = work.path(format + ".gguf");
  // The checksum is written last.
  if (fs::exists(path) && fs::exists(path + ".sha256")) return path;
  QuantizeOptions options;
  TRY_ASSIGN(options.recipe.mix, mix_by_name(format));
  if (work.imatrix) {
    options.recipe.importance = &*work.imatrix;
    options.recipe.importance_file = work.options.imatrix;
  }
  options.threads = work.threads;
  const InterruptGuard interrupt;
  Progress progress(fmt::format("{} {}", session.say("quantising", "量化中"), format));
  options.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return !interrupt.pressed();
  };
  TRY_ASSIGN(const std::string model, resolve_model(work.options.run.model.model, session));
  TRY(quantize(model, path, options));
  return path;
}

// As the suite's own score gives it to the model.
Result<Prompt> prompt_of(const EvalItem& item, const TextModel& model) {
  if (!item.continuations.empty()) return model.plain(item.prompt, false);
  ChatRequest chat;
  chat.messages = Json::array({{{"role", "user"}, {"content", item.prompt}}});
  return model.chat(chat);
}

// What the base itself writes to the first questions: the text that its formats should go on to
// predict. Greedy, with the tokens of the template.
Result<std::vector<ScoredReply>> own_replies(const Work& work, const Session& session) {
  const TextModel& model = *work.base.model;
  std::vector<TextRequest> requests;
  for (const EvalItem& item : work.tasks.front().items) {
    if (requests.size() == kOwnReplies) break;
    TextRequest request;
    TRY_ASSIGN(request.prompt, prompt_of(item, model));
    request.sampling.temperature = 0;
    request.max_tokens = std::min(kOwnReplyTokens, work.tasks.front().suite.max_tokens);
    requests.push_back(std::move(request));
  }
  EngineOptions engine_options = engine_options_of(work.options.run.model, work.base);
  engine_options.kv_blocks = affordable_kv_blocks(
      std::ssize(requests), kv_block_bytes(engine_options, model.model()), engine_options.context);
  Engine engine(model.model(), *work.base.backend, engine_options, model.banned());
  std::vector<ScoredReply> out;
  const std::vector<TextRequest> asked = requests;
  Progress progress(session.say("the base's own replies", "基准模型自己的回答"));
  TRY_ASSIGN(const std::vector<TextReply> replies, generate(model, engine, std::move(requests)));
  for (size_t i = 0; i < replies.size(); ++i) {
    const std::vector<int32_t>& answer = replies[i].output_ids;
    if (answer.empty()) continue;
    ScoredReply scored = {asked[i].prompt.ids, std::ssize(asked[i].prompt.ids)};
    scored.ids.insert(scored.ids.end(), answer.begin(), answer.end());
    out.push_back(std::move(scored));
  }
  return out;
}

Status take_text(Work& work, const Session& session) {
  if (work.options.file.empty()) {
    TRY_ASSIGN(work.replies, own_replies(work, session));
    work.text_name = fmt::format("what the base answers to the first {} questions of {}",
                                 std::min(kOwnReplies, work.tasks.front().items.size()),
                                 work.tasks.front().suite.name);
    return Status::ok();
  }
  TRY_ASSIGN(const std::string text, read_file(work.options.file, kTextBytesMax));
  work.text = work.base.model->plain(text, true).ids;
  work.text_name = fs::path(work.options.file).filename().string();
  return Status::ok();
}

// Speed, size and predictions of an opened model.
Status measure(const OpenedText& opened, const Work& work, CardRow& row, const Session& session) {
  const TextModel& text = *opened.model;
  const Model& model = text.model();
  const Format kv_format = kv_format_of(work.options.run.model);
  row.bytes = text.checkpoint().tensor_bytes();
  TRY_ASSIGN(const MemoryPlan plan, plan_memory(text.checkpoint(), {}));
  row.parameters = plan.parameters;
  const SpeedTest test = {.gen = kSpeedTokens};
  TRY_ASSIGN(const SpeedResult speed,
             run_speed_test(model, *opened.backend, test, kv_format, kSpeedRuns));
  row.decode_tok_s = speed.tok_s.median;
  std::optional<LogitSource> reference;
  if (row.format != kBase) {
    reference = LogitSource{&work.base.model->model(), work.base.backend.get(), kv_format};
  }
  PerplexitySettings settings;
  settings.window = std::min(kWindow, model.info().max_position_embeddings - 1);
  Progress progress(fmt::format("{} {}", row.format, session.say("perplexity", "困惑度")));
  settings.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return true;
  };
  const LogitSource subject = {&model, opened.backend.get(), kv_format};
  if (!work.replies.empty()) {
    TRY_ASSIGN(row.text, perplexity(subject, reference, work.replies, settings));
  } else {
    TRY_ASSIGN(row.text,
               perplexity(subject, reference, work.text, text.tokenizer().bos(), settings));
  }
  return Status::ok();
}

// --choices says it of suites of choices; the others of a card write their replies.
bool by_likelihood(const EvalTask& task) {
  return !task.items.empty() && !task.items.front().continuations.empty();
}

Status score(const OpenedText& opened, const Work& work, const std::string& model_path,
             CardRow& row) {
  for (const EvalTask& task : work.tasks) {
    EvalOptions run = work.options.run;
    run.model.model = model_path;
    run.items_file = work.records_path(row.format, task);
    if (!by_likelihood(task)) run.choices = kGeneration;
    TRY_ASSIGN(const EvalResult result,
               evaluate_on(opened, run, task, replies_of(run, task.suite),
                           fmt::format("{} {}", row.format, task.suite.name)));
    CardScore score = {task.suite.name, result.all, std::nullopt};
    if (row.format != kBase) {
      TRY_ASSIGN(const StoredRecords base, read_records(work.records_path(kBase, task)));
      TRY_ASSIGN(const StoredRecords own, read_records(run.items_file));
      TRY_ASSIGN(score.against_base, compare_runs(base, own));
    }
    row.scores.push_back(std::move(score));
  }
  return Status::ok();
}

Result<CardRow> row_of(const std::string& format, const Work& work, const Session& session) {
  CardRow row;
  row.format = format;
  if (format == kBase) {
    TRY(measure(work.base, work, row, session));
    TRY(score(work.base, work, work.options.run.model.model, row));
    return row;
  }
  ModelOptions model = work.options.run.model;
  TRY_ASSIGN(model.model, quantised(format, work, session));
  TRY_ASSIGN(const OpenedText opened, open_text_model(model, session));
  TRY(measure(opened, work, row, session));
  TRY(score(opened, work, model.model, row));
  return row;
}

Status open_tasks(Work& work, const CLI::App& verb, const Session& session) {
  const Options& options = work.options;
  bool all = true;  // of the suites are scored by likelihood
  for (const std::string& name : options.suites) {
    EvalOptions run = options.run;
    if (likelihood_suite(name) == nullptr) run.choices = kGeneration;
    if (name == kNeedle && !run.data.empty()) {
      return error(Code::invalid, "--data: expected none beside {}: its texts are drawn", name);
    }
    TRY_ASSIGN(EvalTask task, name == kNeedle
                                  ? open_needles(options.needle, run.model.model, run, session)
                                  : open_suite(name, run, session));
    all = all && run.by_likelihood();
    work.tasks.push_back(std::move(task));
  }
  if (!options.run.by_likelihood()) return Status::ok();
  if (all) return check_choices(options.run, verb, session);
  if (std::any_of(work.tasks.begin(), work.tasks.end(), by_likelihood)) return Status::ok();
  return open_suite(options.suites.front(), options.run, session).status();  // names the choices
}

Result<Work> prepare(const Options& options, const CLI::App& verb, const Session& session) {
  Work work;
  work.options = options;
  for (const std::string& format : options.formats) TRY(mix_by_name(format));
  if (options.suites.size() > 1 && !options.run.data.empty()) {
    return error(Code::invalid, "--data: expected one --suite beside it, found {}",
                 options.suites.size());
  }
  TRY(open_tasks(work, verb, session));
  if (!options.imatrix.empty()) {
    TRY_ASSIGN(work.imatrix, Imatrix::open(options.imatrix));
  }
  TRY_ASSIGN(const CpuInfo cpu, read_cpu());
  work.threads = cpu.usable_threads();
  TRY(claim_folder(work, session));
  ModelOptions& model = work.options.run.model;
  model.context = 0;
  for (const EvalTask& task : work.tasks) {
    const int64_t reply = replies_of(options.run, task.suite).max_tokens;
    model.context = std::max(model.context, reply + task.suite.prompt_tokens);
  }
  TRY_ASSIGN(work.base, open_text_model(model, session));
  const int64_t context = work.base.model->model().info().max_position_embeddings;
  model.context = std::min(model.context, context);
  for (const EvalTask& task : work.tasks) TRY(check_room(task, model.context));
  TRY(take_text(work, session));
  return work;
}

std::string command_of(const Options& options) {
  std::string out = fmt::format("hearth eval card --model {} --formats {} --suite {} --dir {}",
                                options.run.model.model, fmt::join(options.formats, ","),
                                fmt::join(options.suites, ","), options.folder);
  if (!options.run.data.empty()) out += fmt::format(" --data {}", fmt::join(options.run.data, " "));
  if (!options.imatrix.empty()) out += " --imatrix " + options.imatrix;
  if (!options.file.empty()) out += " --file " + options.file;
  if (options.run.limit > 0) out += fmt::format(" --limit {}", options.run.limit);
  if (options.run.samples > 1) out += fmt::format(" --samples {}", options.run.samples);
  if (options.run.by_likelihood()) out += " --choices " + options.run.choices;
  if (std::find(options.suites.begin(), options.suites.end(), kNeedle) != options.suites.end()) {
    out += fmt::format(" --lengths {} --depths {} --needles {}",
                       fmt::join(options.needle.lengths, ","),
                       fmt::join(options.needle.depths, ","), options.needle.needles);
  }
  if (options.run.seed > 0) out += fmt::format(" --seed {}", options.run.seed);
  return out;
}

Status make_card(const Options& options, const CLI::App& verb, const Session& session) {
  TRY_ASSIGN(const Work work, prepare(options, verb, session));
  TRY_ASSIGN(const CpuInfo cpu, read_cpu());
  Card card;
  card.model = options.run.model.model;
  card.command = command_of(options);
  card.text_name = work.text_name;
  card.machine =
      fmt::format("{}, {} threads", cpu.model,
                  options.run.model.threads > 0 ? options.run.model.threads : cpu.usable_threads());
  std::vector<std::string> names = {std::string(kBase)};
  names.insert(names.end(), options.formats.begin(), options.formats.end());
  for (const std::string& format : names) {
    TRY_ASSIGN(CardRow row, row_of(format, work, session));
    card.rows.push_back(std::move(row));
    // What is measured stays, whatever becomes of the next row.
    if (!options.out.empty()) TRY(write_whole(options.out, to_markdown(card)));
  }
  fmt::print("{}", session.json ? to_json(card).dump() + "\n" : to_markdown(card));
  return Status::ok();
}

}  // namespace

void add_eval_card(CLI::App& group, Session& session) {
  auto options = std::make_shared<Options>();
  const auto shared = std::make_shared<CLI::App*>();
  CLI::App* verb =
      add_verb(group, session, "card", "a table of what each quantisation of a model costs",
               "hearth eval card --model mini --formats q8_0,q4_k_m --dir quantised --out card.md",
               [options, shared, &session] { return make_card(*options, **shared, session); });
  *shared = verb;
  options->run.model.context = 0;
  options->run.model.declare(*verb, true);
  verb->add_option("--formats", options->formats, "mixes of `hearth quantize`, separated by commas")
      ->delimiter(',')
      ->required();
  verb->add_option("--dir", options->folder,
                   "where quantised files and records lie; a card goes on")
      ->required();
  verb->add_option("--suite", options->suites, "names or YAML files, separated by commas")
      ->delimiter(',');
  verb->add_option("--data", options->run.data, "public files of the suite, in their own format");
  verb->add_option("--file", options->file, "text of the perplexity, else the base's own replies");
  verb->add_option("--imatrix", options->imatrix, "importance matrix, of `hearth imatrix`");
  verb->add_option("--out", options->out, "the table as Markdown");
  options->run.declare_replies(*verb);
  options->run.declare_choices(*verb);
  declare_needles(*verb, options->needle);
}

}  // namespace hearth::cli
