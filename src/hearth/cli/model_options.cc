// See model_options.h.
#include "hearth/cli/model_options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "hearth/backend/make_backend.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/engine/ngram_drafter.h"
#include "hearth/host/fit.h"
#include "hearth/sensors/memory.h"

namespace hearth::cli {

namespace fs = std::filesystem;

void ModelOptions::declare(CLI::App& verb, bool model_required) {
  CLI::Option* option = verb.add_option(
      "--model", model, "Hugging Face directory, GGUF file, or a name: `mini`, deepseek-r1:1.5b");
  if (model_required) option->required();
  declare_device(verb);
  verb.add_option("--dtype", dtype,
                  "auto (as stored), int8 (= q8_0) or a weight format: bf16, q6_k, q4_k, ...")
      ->capture_default_str();
  verb.add_flag("--load-in-8bit", load_in_8bit, "the same as --dtype int8");
  verb.add_option("--activations", activations,
                  "auto (eight bits where the weights' format has integer kernels) or f32")
      ->check(CLI::IsMember({"auto", "f32"}))
      ->capture_default_str();
  declare_memory(verb);
  declare_kv_format(verb);
  verb.add_option("--threads", threads, "compute threads; 0: one for each physical core")
      ->check(CLI::Range(0, 1024));
  verb.add_option("--ctx", context, "longest prompt and answer together, in tokens")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
}

void ModelOptions::declare_device(CLI::App& verb) {
  verb.add_option("--device", device, "auto, cpu, cuda or reference")->capture_default_str();
  verb.add_option("--gpu-memory", gpu_memory,
                  "most memory in use on the GPU, by all programs, such as 22GiB; 0: all it has")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 50))
      ->capture_default_str();
}

void ModelOptions::declare_memory(CLI::App& verb) {
  verb.add_option("--weights", weights,
                  "packed: copied into huge pages as kernels want them; mapped: one copy in the "
                  "page cache for all processes, packed again and again, slower; the tokens are "
                  "the same")
      ->check(CLI::IsMember({"packed", "mapped"}))
      ->capture_default_str();
  verb.add_option("--memory", memory,
                  "most memory to take, such as 48GiB; 0: what is available. A model of routed "
                  "experts that is larger reads them from disk, slowly")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 50))
      ->capture_default_str();
  verb.add_option("--expert-memory", expert_memory,
                  "leave routed experts on disk, with a cache of this size, such as 24GiB; 0: only "
                  "where they do not fit, with what is left")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 50))
      ->capture_default_str();
}

void ModelOptions::declare_kv_format(CLI::App& verb) {
  verb.add_option("--kv-format", kv_format,
                  "of the KV cache: auto (f16; f32 with --dtype f32), f32, f16, bf16 or q8_0")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "q8_0"}))
      ->capture_default_str();
}

void ModelOptions::declare_draft(CLI::App& verb) {
  draft = "auto";
  verb.add_option("--draft", draft,
                  "guesses of what comes next, checked together: mtp (by the model's own layer), "
                  "ngram (by repetition), off, or auto (on the CPU mtp, where the model has the "
                  "layer, else ngram); the tokens are the same")
      ->check(CLI::IsMember({"auto", "mtp", "ngram", "off"}))
      ->capture_default_str();
}

void ModelOptions::declare_drafts(CLI::App& verb) {
  declare_draft(verb);
  verb.add_option("--draft-model", draft_model,
                  "a smaller model with the same vocabulary that makes the guesses, such as the "
                  "1.5B for a 7B to 32B distill");
  verb.add_option("--draft-max", draft_max,
                  "most guesses for one answer in a step; 0: 1 of mtp, 4 of a model, 8 of ngram")
      ->check(CLI::Range(0, 32))
      ->capture_default_str();
}

bool ModelOptions::wants_mtp() const {
  if (!draft_model.empty()) return false;
  const bool on_cpu = device == "auto" || device == "cpu";
  return draft == "mtp" || (draft == "auto" && on_cpu);
}

Format kv_format_of(const ModelOptions& options) {
  if (options.kv_format == "auto") return options.dtype == "f32" ? Format::f32 : Format::f16;
  const std::optional<Format> format = format_by_name(options.kv_format);
  CHECK(format.has_value());  // declare_kv_format lets nothing else in
  return *format;
}

Result<std::optional<Format>> dtype_of(const ModelOptions& options) {
  if (options.load_in_8bit || options.dtype == "int8") return std::optional(Format::q8_0);
  if (options.dtype == "auto") return std::optional<Format>();
  const std::optional<Format> format = format_by_name(options.dtype);
  if (!format || *format == Format::f8_e4m3) {
    return error(Code::invalid,
                 "--dtype: expected auto, int8 or a weight format such as q4_k, found {}",
                 options.dtype);
  }
  return format;
}

bool experts_may_stay(const ModelOptions& options) {
  const bool on_cpu = options.device == "auto" || options.device == "cpu";
  return on_cpu && !options.needs_all_weights;
}

Result<std::unique_ptr<Backend>> open_backend(const ModelOptions& options,
                                              const ExpertsOnDisk& experts) {
  BackendOptions backend;
  backend.experts.bytes = experts.cache_bytes;
  backend.keep_mapping = options.weights == "mapped";
  backend.device = options.device;
  backend.threads = options.threads > 0 ? options.threads : default_threads();
  backend.gpu_memory = options.gpu_memory;
  if (options.activations == "f32") backend.activation = Activation::f32;
  if (const char* isa = std::getenv("HEARTH_CPU_ISA")) backend.cpu_isa = isa;
  const auto is_off = [](const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && std::string_view(value) == "0";
  };
  backend.cuda_graphs = !is_off("HEARTH_CUDA_GRAPHS");
  backend.cuda_overlap = !is_off("HEARTH_CUDA_OVERLAP");
  return make_backend(backend);
}

namespace {

// The first of these places, relative to the binary, that exists; else the last.
std::string beside_binary(const Session& session, std::initializer_list<std::string> places) {
  std::error_code ignored;
  fs::path candidate;
  for (const std::string& place : places) {
    candidate = fs::path(session.self).parent_path() / place;
    if (fs::exists(candidate, ignored)) break;
  }
  return fs::weakly_canonical(candidate, ignored).string();
}

}  // namespace

std::string bundled_model(const Session& session) {
  return beside_binary(session, {"../share/hearth/mini", "../assets/mini"});
}

std::string bundled_prices(const Session& session) {
  return beside_binary(session, {"../share/hearth/prices.json", "../assets/prices.json"});
}

std::string suite_folder(std::string_view suite, const Session& session) {
  // A suite in another language reads the same folder: code_zh that of code. In the source tree the
  // arithmetic's items lie beside the recipe that held them out.
  const std::string_view folder = suite.substr(0, suite.find('_'));
  return beside_binary(session,
                       {fmt::format("../share/hearth/eval/{}", folder),
                        fmt::format("../assets/eval/{}", folder), "../recipes/mini/heldout"});
}

namespace {

void print_notices(const LoadedModel& loaded) {
  for (const std::string& line : loaded.notices) fmt::print(stderr, "note: {}\n", line);
}

// What a user should know before such a model answers slowly.
void print_experts(const MemoryPlan& plan, const std::string& path) {
  const ExpertsOnDisk& experts = plan.experts;
  if (experts.count == 0) return;
  std::string line = fmt::format("routed experts ({}) are read from disk, through a cache of {}",
                                 bytes_text(experts.stored_bytes), bytes_text(experts.cache_bytes));
  const auto disk = measure_model_read(path);
  const int64_t bytes = plan.disk_bytes(plan.decode);
  if (disk && bytes > 0) {
    line += fmt::format(
        "; at {:.2f} GB/s from the disk and {:.0f} % of experts read, at most "
        "{:.2g} tok/s",
        *disk, 100 * experts.miss_rate(), *disk * 1e9 / static_cast<double>(bytes));
  }
  fmt::print(stderr, "note: {}\n", line);
}

// Refuses before loading what can't fit; leaves routed experts on disk where that makes it fit.
Result<ExpertsOnDisk> check_memory(const ModelOptions& options, const std::string& path,
                                   LoadOptions& load) {
  PlanOptions plan;
  plan.dtype = load.dtype;
  plan.context = options.context;
  plan.kv_format = kv_format_of(options);
  plan.mtp = load.hints.mtp;
  plan.expert_memory = options.expert_memory;
  plan.experts_may_stay = experts_may_stay(options);
  TRY_ASSIGN(const MemoryPlan fitting, fit_model(path, plan, options.memory));
  load.experts_from_disk = fitting.experts.count > 0;
  print_experts(fitting, path);
  return fitting.experts;
}

// Before loading, too.
Status check_draft_model(const ModelOptions& options) {
  if (options.draft_model.empty() || options.draft == "auto") return Status::ok();
  return error(Code::invalid, "--draft-model: expected --draft auto beside it, found --draft {}",
               options.draft);
}

// Before loading, too.
Status check_mtp(const ModelOptions& options, const std::string& path, const LoadOptions& load) {
  if (options.draft != "mtp") return Status::ok();
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  std::vector<std::string> ignored;
  TRY_ASSIGN(const std::unique_ptr<Model> model, make_model(checkpoint, ignored, load.hints));
  if (model->has_mtp()) return Status::ok();
  return error(Code::invalid,
               "--draft mtp: {} has no layer for multi-token prediction; --draft ngram guesses "
               "without one",
               path);
}

Status open_draft_model(const ModelOptions& options, OpenedText& opened, const Session& session) {
  TRY_ASSIGN(const std::string path, resolve_model(options.draft_model, session));
  LoadOptions load;
  // It stays in memory whole, beside what a cache of the model's experts will take.
  ModelOptions resident = options;
  resident.needs_all_weights = true;
  resident.expert_memory = 0;
  if (const auto available = available_memory(options.memory)) {
    const int64_t to_come = opened.backend->expert_cache_stats().to_come_bytes();
    resident.memory = std::max<int64_t>(1, *available - to_come);
  }
  const auto fits = check_memory(resident, path, load);
  if (!fits) return Status(fits.status()).at("--draft-model");
  Progress progress(session.say("loading the draft model", "加载草稿模型中"));
  load.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  TRY_ASSIGN(opened.draft_model, TextModel::load(path, *opened.backend, load));
  progress.clear();
  print_notices(opened.draft_model->loaded());
  const Tokenizer& own = opened.model->tokenizer();
  const auto other = own.first_difference(opened.draft_model->tokenizer());
  if (!other) return Status::ok();
  return error(Code::invalid,
               "--draft-model {}: expected the vocabulary of {}, found another token at id {}",
               path, opened.model->path(), *other);
}

}  // namespace

Result<OpenedModel> open_model(const ModelOptions& options, const Session& session) {
  OpenedModel opened;
  LoadOptions load;
  TRY_ASSIGN(load.dtype, dtype_of(options));
  TRY_ASSIGN(const std::string path, resolve_model(options.model, session));
  TRY_ASSIGN(const ExpertsOnDisk experts, check_memory(options, path, load));
  TRY_ASSIGN(opened.backend, open_backend(options, experts));
  TRY_ASSIGN(Checkpoint checkpoint, Checkpoint::open(path));
  opened.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
  Progress progress(session.say("loading", "加载中"));
  load.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  TRY_ASSIGN(opened.loaded, load_model(*opened.checkpoint, *opened.backend, load));
  progress.clear();
  print_notices(opened.loaded);
  return opened;
}

Result<OpenedText> open_text_model(const ModelOptions& options, const Session& session) {
  OpenedText opened;
  LoadOptions load;
  load.hints.mtp = options.wants_mtp();
  TRY_ASSIGN(load.dtype, dtype_of(options));
  TRY_ASSIGN(const std::string path, resolve_model(options.model, session));
  TRY(check_draft_model(options));
  TRY(check_mtp(options, path, load));
  TRY_ASSIGN(const ExpertsOnDisk experts, check_memory(options, path, load));
  TRY_ASSIGN(opened.backend, open_backend(options, experts));
  Progress progress(session.say("loading", "加载中"));
  load.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  TRY_ASSIGN(opened.model, TextModel::load(path, *opened.backend, load));
  progress.clear();
  print_notices(opened.model->loaded());
  if (!options.draft_model.empty()) TRY(open_draft_model(options, opened, session));
  return opened;
}

void declare_adapter(CLI::App& verb, std::string& path) {
  verb.add_option("--adapter", path,
                  "LoRA adapter for the model: a PEFT directory, or a GGUF file of llama.cpp");
}

Result<std::shared_ptr<const Adapter>> open_adapter(const std::string& path,
                                                    const OpenedText& opened) {
  if (path.empty()) return std::shared_ptr<const Adapter>();
  return load_adapter(path, opened.model->loaded(), *opened.backend);
}

EngineOptions engine_options_of(const ModelOptions& options, const OpenedText& opened) {
  EngineOptions out;
  out.context = options.context;
  out.kv_format = kv_format_of(options);
  out.mtp = options.wants_mtp() && opened.model->model().has_mtp();
  if (opened.draft_model) out.draft_model = &opened.draft_model->model();
  const bool ngram = options.draft == "ngram" || options.wants_mtp();
  if (ngram && !out.mtp) out.make_drafter = [] { return std::make_unique<NgramDrafter>(); };
  const int64_t usual = out.mtp ? 1 : out.draft_model ? 4 : 8;
  out.drafts_max = options.draft_max > 0 ? options.draft_max : usual;
  return out;
}

int64_t affordable_kv_blocks(int64_t sequences, int64_t block_bytes, int64_t context,
                             int64_t to_come) {
  const int64_t least = Scheduler::blocks_for(context);
  int64_t blocks = least * sequences;
  if (const auto memory = read_memory()) {
    const int64_t free = std::max<int64_t>(0, memory->usable_available_bytes() - to_come);
    blocks = std::min(blocks, free / 2 / block_bytes);
  }
  return std::max(blocks, least);
}

}  // namespace hearth::cli
