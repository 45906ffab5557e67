// hearth inspect: what a checkpoint holds, every size checked against the file.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/cli/store_options.h"
#include "hearth/cli/verb.h"
#include "hearth/files/checkpoint.h"
#include "hearth/models/load.h"
#include "hearth/models/stored_tensor.h"

namespace hearth::cli {
namespace {

struct Options {
  std::string path;
};

// Of a scheme that packs several weights into an element of a tensor, what the model has.
int64_t parameters_of(const StoredTensors& tensors, Model& model) {
  int64_t parameters = 0;
  model.visit_tensors([&](const TensorSpec& spec, Weight&) {
    const auto found = tensors.find(spec);
    if (found && *found) parameters += spec.shape.elements();
  });
  return parameters;
}

Json describe(const Checkpoint& checkpoint, const std::string& architecture,
              const std::string& scheme) {
  Json out;
  out["format"] = checkpoint.kind() == CheckpointKind::gguf ? "gguf" : "safetensors";
  if (!scheme.empty()) out["scheme"] = scheme;
  out["architecture"] = architecture;
  int64_t parameters = 0;
  Json tensors = Json::array();
  for (const TensorEntry& entry : checkpoint.tensors()) {
    parameters += entry.tensor.shape.elements();
    std::vector<int64_t> shape;
    for (int i = 0; i < entry.tensor.shape.rank(); ++i) shape.push_back(entry.tensor.shape[i]);
    tensors.push_back(
        {{"name", entry.name},
         {"format", entry.format ? std::string(format_info(*entry.format).name) : entry.dtype},
         {"shape", shape},
         {"bytes", entry.bytes}});
  }
  out["parameters"] = parameters;
  out["bytes"] = checkpoint.tensor_bytes();
  out["tensors"] = std::move(tensors);
  Json metadata = Json::object();
  if (const Gguf* gguf = checkpoint.gguf()) {
    for (const GgufValue& value : gguf->metadata()) {
      metadata[std::string(value.key)] = value.to_string();
    }
  } else if (checkpoint.config()) {
    metadata = *checkpoint.config();
  }
  out["metadata"] = std::move(metadata);
  return out;
}

void print_table(const Json& out, const Session& session) {
  fmt::print("{}: {}\n", session.say("format", "格式"), out["format"].get<std::string>());
  if (out.contains("scheme")) {
    fmt::print("{}: {}\n", session.say("scheme", "量化方案"), out["scheme"].get<std::string>());
  }
  fmt::print("{}: {}\n{}: {:.3f} M\n{}: {:.1f} MB\n", session.say("architecture", "架构"),
             out["architecture"].get<std::string>(), session.say("parameters", "参数"),
             static_cast<double>(out["parameters"]) / 1e6, session.say("size", "大小"),
             static_cast<double>(out["bytes"]) / 1e6);
  if (out.value("mtp", false)) {
    fmt::print("{}\n", session.say("with a layer for multi-token prediction (--draft mtp)",
                                   "含多词元预测（MTP）层（--draft mtp）"));
  }
  fmt::print("\n");
  for (const Json& t : out["tensors"]) {
    fmt::print("{:<60} {:<8} [{}]\n", t["name"].get<std::string>(), t["format"].get<std::string>(),
               fmt::join(t["shape"].get<std::vector<int64_t>>(), ", "));
  }
}

Status inspect(const Options& options, const Session& session) {
  TRY_ASSIGN(const std::string path, resolve_model(options.path, session));
  TRY_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  std::string architecture = "unknown";
  std::vector<std::string> notices;
  ModelHints hints;
  hints.mtp = true;
  auto model = make_model(checkpoint, notices, hints);
  if (model) architecture = (*model)->info().architecture;
  const auto tensors = StoredTensors::of(checkpoint);
  const std::string scheme = tensors ? tensors->scheme_name() : "";
  Json out = describe(checkpoint, architecture, scheme);
  if (model && !scheme.empty()) out["parameters"] = parameters_of(*tensors, **model);
  if (model) out["mtp"] = (*model)->has_mtp();
  if (session.json) {
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    print_table(out, session);
  }
  // An architecture that Hearth can't run is told last: the table above is right all the same.
  if (!model) return std::move(model).status();
  return Status::ok();
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = add_verb(
      app, session, "inspect",
      std::string(session.say("Show what a checkpoint holds, checked", "显示并检查模型文件的内容")),
      "hearth inspect DeepSeek-R1-Distill-Qwen-1.5B/",
      [options, &session] { return inspect(*options, session); });
  verb->add_option("PATH", options->path, "Hugging Face directory, GGUF file, or a name")
      ->required();
}

}  // namespace hearth::cli
