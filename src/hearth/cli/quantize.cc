// hearth quantize and hearth merge: convert a checkpoint, with an adapter merged into it or
// without.
#include "hearth/convert/quantize.h"

#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "hearth/cli/interrupt.h"
#include "hearth/cli/model_options.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/store_options.h"
#include "hearth/cli/verb.h"
#include "hearth/sensors/cpu.h"

namespace hearth::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string format;
  std::string imatrix;
  std::string adapter;
  bool pure = false;
  bool mtp = false;
  bool replace = false;
  int threads = 0;
};

Json to_json(const std::string& path, const QuantizeReport& report) {
  Json items = Json::array();
  for (const TensorReport& t : report.tensors) {
    std::vector<int64_t> shape;
    for (int i = 0; i < t.shape.rank(); ++i) shape.push_back(t.shape[i]);
    items.push_back({{"name", t.name},
                     {"format", format_info(t.format).name},
                     {"shape", shape},
                     {"bytes", t.bytes},
                     {"rmse", t.rmse},
                     {"relative", t.relative}});
  }
  return {{"path", path},
          {"tensors", report.tensors.size()},
          {"parameters", report.parameters},
          {"bytes_in", report.bytes_in},
          {"bytes_out", report.bytes_out},
          {"resumed", report.resumed},
          {"rmse", report.rmse},
          {"sha256", report.sha256},
          {"items", std::move(items)}};
}

Status run_quantize(const Options& options, const Session& session) {
  QuantizeOptions work;
  work.recipe.adapter = options.adapter;
  work.recipe.as_stored = options.format.empty();
  if (!options.format.empty()) {
    TRY_ASSIGN(work.recipe.mix, mix_by_name(options.format));
  }
  if (options.pure) work.recipe.mix = pure(work.recipe.mix);
  work.recipe.mtp = options.mtp;
  std::optional<Imatrix> imatrix;
  if (!options.imatrix.empty()) {
    TRY_ASSIGN(imatrix, Imatrix::open(options.imatrix));
    work.recipe.importance = &*imatrix;
    work.recipe.importance_file = options.imatrix;
  }
  work.threads = options.threads;
  if (work.threads == 0) {
    TRY_ASSIGN(const CpuInfo cpu, read_cpu());
    work.threads = cpu.usable_threads();
  }
  work.replace = options.replace;
  const InterruptGuard interrupt;
  Progress progress(options.adapter.empty() ? session.say("quantising", "量化中")
                                            : session.say("merging", "合并中"));
  work.progress = [&](int64_t done, int64_t total) {
    progress.update(done, total);
    return !interrupt.pressed();
  };
  work.notice = [](const std::string& line) { fmt::print(stderr, "note: {}\n", line); };
  TRY_ASSIGN(const std::string in, resolve_model(options.in, session));
  TRY_ASSIGN(const QuantizeReport report, quantize(in, options.out, work));
  progress.clear();
  if (session.json) {
    fmt::print("{}\n",
               to_json(options.out, report).dump(-1, ' ', false, Json::error_handler_t::replace));
    return Status::ok();
  }
  const auto megabytes = [](int64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  fmt::print("{}: {} {}, {:.1f} MB -> {:.1f} MB, {:.2f} {}, rmse {:.3g}\n", options.out,
             report.tensors.size(), session.say("tensors", "个张量"), megabytes(report.bytes_in),
             megabytes(report.bytes_out),
             8 * static_cast<double>(report.bytes_out) / static_cast<double>(report.parameters),
             session.say("bits a weight", "比特/权重"), report.rmse);
  if (report.resumed > 0) {
    fmt::print("{} {}\n", report.resumed,
               session.say("of them were done by an earlier run", "个张量由先前的运行完成"));
  }
  return Status::ok();
}

void add_common(CLI::App& verb, Options& options) {
  verb.add_option("--threads", options.threads, "encoding threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  verb.add_flag("--force", options.replace, "write over what is there");
}

}  // namespace

void add_quantize(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "quantize",
      std::string(session.say("Convert a checkpoint and quantise it", "转换并量化模型文件")),
      "hearth quantize DeepSeek-R1/ r1.gguf --format q4_k_m",
      [options, &session] { return run_quantize(*options, session); });
  verb->add_option("IN", options->in, "Hugging Face directory, GGUF file, or a name")->required();
  verb->add_option("OUT", options->out, "NAME.gguf, or a directory (f32, f16, bf16)")->required();
  verb->add_option("--format", options->format, fmt::format("{}", fmt::join(mix_names(), ", ")))
      ->required();
  verb->add_flag("--pure", options->pure, "every matrix in the base format of the mix");
  verb->add_flag("--mtp", options->mtp,
                 "keep the layer for multi-token prediction; other programs may refuse the file");
  verb->add_option("--imatrix", options->imatrix, "importance matrix, of `hearth imatrix`");
  add_common(*verb, *options);
}

void add_merge(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      add_verb(app, session, "merge",
               std::string(session.say("Merge an adapter into the weights", "把适配器合并进权重")),
               "hearth merge --model DeepSeek-R1-Distill-Qwen-1.5B/ --adapter adapters/law merged/",
               [options, &session] { return run_quantize(*options, session); });
  verb->add_option("--model", options->in, "Hugging Face directory, GGUF file, or a name")
      ->required();
  verb->add_option("--adapter", options->adapter, "PEFT directory, or GGUF file")->required();
  verb->add_option("OUT", options->out, "NAME.gguf, or a directory (f32, f16, bf16)")->required();
  verb->add_option("--format", options->format,
                   "as of `hearth quantize`; what the base is stored in unless said");
  add_common(*verb, *options);
}

}  // namespace hearth::cli
