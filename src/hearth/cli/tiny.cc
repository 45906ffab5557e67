// hearth tiny: a random checkpoint of an architecture, tiny or of a real shape.
#include "hearth/models/tiny/tiny.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/cli/progress.h"
#include "hearth/cli/verb.h"
#include "hearth/models/shapes.h"
#include "hearth/sensors/cpu.h"

namespace hearth::cli {
namespace {

struct Options {
  TinyOptions tiny;
  std::string config;
  std::string shape;
  std::string format = "bf16";
  std::string out;
};

Result<int> usable_threads() {
  TRY_ASSIGN(const CpuInfo cpu, read_cpu());
  return cpu.usable_threads();
}

Status tiny(const Options& options, const Session& session) {
  TinyOptions write = options.tiny;
  const std::optional<Format> format = format_by_name(options.format);
  if (!format) {
    std::vector<std::string_view> names;
    for (const FormatInfo& info : kFormats) names.push_back(info.name);
    return error(Code::invalid, "--format: expected one of {}, found {}", fmt::join(names, ", "),
                 options.format);
  }
  write.format = *format;
  if (write.threads == 0) {
    TRY_ASSIGN(write.threads, usable_threads());
  }
  if (!options.config.empty()) {
    TRY_ASSIGN(write.config, read_json_file(options.config));
  } else if (!options.shape.empty()) {
    TRY_ASSIGN(write.config, shape_config(options.shape));
  } else if (write.architecture.empty()) {
    return error(Code::invalid, "expected --arch, one of {}, or --config, or --shape",
                 fmt::join(tiny_architectures(), ", "));
  }
  Progress progress(session.say("writing", "写入中"));
  write.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  TRY_ASSIGN(const TinyReport report, write_tiny(options.out, write));
  progress.clear();
  const Json result = {{"path", options.out},       {"architecture", report.architecture},
                       {"format", options.format},  {"seed", write.seed},
                       {"tensors", report.tensors}, {"parameters", report.parameters},
                       {"bytes", report.bytes}};
  if (session.json) {
    fmt::print("{}\n", result.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}: {}, {:.2f} M {}, {:.1f} MB\n", options.out, report.architecture,
               static_cast<double>(report.parameters) / 1e6, session.say("parameters", "参数"),
               static_cast<double>(report.bytes) / 1e6);
  }
  return Status::ok();
}

}  // namespace

void add_tiny(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  options->tiny.threads = 0;
  CLI::App* verb = add_verb(app, session, "tiny",
                            std::string(session.say("Write a random checkpoint, for tests",
                                                    "写出一个随机权重的模型，用于测试")),
                            "hearth tiny --arch deepseek_v3 --format q4_k tiny.gguf",
                            [options, &session] { return tiny(*options, session); });
  verb->add_option("--arch", options->tiny.architecture,
                   fmt::format("{}", fmt::join(tiny_architectures(), ", ")));
  verb->add_option("--config", options->config, "the config.json of a real shape")
      ->configurable(false);
  verb->add_option("--shape", options->shape,
                   fmt::format("a published shape: {}", fmt::join(shape_names(), ", ")));
  verb->add_flag("--mtp", options->tiny.mtp,
                 "with a layer for multi-token prediction, of deepseek_v3");
  verb->add_option("--format", options->format,
                   "f32, f16, bf16; f8_e4m3 in a directory; q8_0, q4_0, q4_k, q6_k in GGUF")
      ->capture_default_str();
  verb->add_option("--seed", options->tiny.seed, "the same seed, the same weights")
      ->capture_default_str();
  verb->add_option("--threads", options->tiny.threads, "writing threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  verb->add_flag("--force", options->tiny.replace, "write over what is there");
  verb->add_option("OUT", options->out, "a directory to make, or NAME.gguf")->required();
}

}  // namespace hearth::cli
