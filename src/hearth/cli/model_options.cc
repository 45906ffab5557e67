// See model_options.h.
#include "hearth/cli/model_options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "hearth/backend/make_backend.h"
#include "hearth/cli/progress.h"

namespace hearth::cli {

namespace fs = std::filesystem;

void ModelOptions::declare(CLI::App& verb, bool model_required) {
  CLI::Option* option = verb.add_option(
      "--model", model, "Hugging Face directory, GGUF file, or `mini`, the bundled model");
  if (model_required) option->required();
  verb.add_option("--device", device, "auto, cpu or reference")->capture_default_str();
  verb.add_option("--dtype", dtype, "auto (as stored), f32, f16, bf16, int8 (= q8_0), q4_0, q4_k, q6_k")
      ->capture_default_str();
  verb.add_flag("--load-in-8bit", load_in_8bit, "the same as --dtype int8");
  verb.add_option("--threads", threads, "compute threads; 0: one for each physical core")
      ->check(CLI::Range(0, 1024));
  verb.add_option("--ctx", context, "longest prompt and answer together, in tokens")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
}

Result<std::optional<Format>> dtype_of(const ModelOptions& options) {
  if (options.load_in_8bit || options.dtype == "int8") return std::optional(Format::q8_0);
  if (options.dtype == "auto") return std::optional<Format>();
  const std::optional<Format> format = format_by_name(options.dtype);
  if (!format || *format == Format::f8_e4m3) {
    return error(Code::invalid,
                 "--dtype: expected auto, f32, f16, bf16, int8, q8_0, q4_0, q4_k or q6_k, found {}",
                 options.dtype);
  }
  return format;
}

Result<std::unique_ptr<Backend>> open_backend(const ModelOptions& options) {
  BackendOptions backend;
  backend.device = options.device;
  const auto hardware = static_cast<int>(std::thread::hardware_concurrency());
  backend.threads = options.threads > 0 ? options.threads : std::max(1, hardware);
  if (const char* isa = std::getenv("HEARTH_CPU_ISA")) backend.cpu_isa = isa;
  return make_backend(backend);
}

std::string resolve_model(const std::string& model, const Session& session) {
  if (!model.empty() && model != "mini") return model;
  std::error_code ignored;
  if (model == "mini" && fs::exists("mini", ignored)) return model;
  const fs::path here = fs::path(session.self).parent_path();
  for (const char* place : {"../assets/mini", "../share/hearth/mini"}) {
    const fs::path candidate = here / place;
    if (fs::exists(candidate, ignored)) return fs::weakly_canonical(candidate, ignored).string();
  }
  return "mini";
}

Result<OpenedModel> open_model(const ModelOptions& options, const Session& session) {
  OpenedModel opened;
  TRY_ASSIGN(const std::optional<Format> dtype, dtype_of(options));
  TRY_ASSIGN(opened.backend, open_backend(options));
  TRY_ASSIGN(Checkpoint checkpoint, Checkpoint::open(resolve_model(options.model, session)));
  opened.checkpoint = std::make_unique<Checkpoint>(std::move(checkpoint));
  LoadOptions load;
  load.dtype = dtype;
  Progress progress(session.say("loading", "加载中"));
  load.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  TRY_ASSIGN(opened.loaded, load_model(*opened.checkpoint, *opened.backend, load));
  progress.clear();
  for (const std::string& line : opened.loaded.notices) fmt::print(stderr, "note: {}\n", line);
  return opened;
}

}  // namespace hearth::cli
