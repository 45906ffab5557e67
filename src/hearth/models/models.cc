// The list of architectures: one line each.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/models/deepseek/model.h"
#include "hearth/models/dense/model.h"
#include "hearth/models/foreign/scheme.h"
#include "hearth/models/load.h"

namespace hearth {
namespace {

using Made = Result<std::unique_ptr<Model>>;
using Notices = std::vector<std::string>;

template <typename M, typename Config>
Made wrap(Result<Config> config) {
  if (!config) return std::move(config).status();
  return std::unique_ptr<Model>(std::make_unique<M>(*std::move(config)));
}

Made deepseek_hf(const Json& config) {
  return wrap<DeepseekModel>(DeepseekConfig::from_hf(config));
}
Made deepseek_gguf(const Gguf& gguf, Notices& notices, const ModelHints& hints) {
  return wrap<DeepseekModel>(DeepseekConfig::from_gguf(gguf, notices, hints));
}
Made dense_hf(const Json& config) {
  return wrap<DenseModel>(DenseConfig::from_hf(config));
}
Made dense_gguf(const Gguf& gguf, Notices&, const ModelHints&) {
  return wrap<DenseModel>(DenseConfig::from_gguf(gguf));
}

struct Architecture {
  std::string_view name;  // model_type in config.json, or general.architecture in GGUF
  Made (*from_hf)(const Json&);
  Made (*from_gguf)(const Gguf&, Notices&, const ModelHints&);
};

constexpr Architecture kArchitectures[] = {
    {"deepseek_v3", deepseek_hf, nullptr}, {"deepseek_v2", deepseek_hf, nullptr},
    {"kimi_k2", deepseek_hf, nullptr},     {"deepseek2", nullptr, deepseek_gguf},
    {"llama", dense_hf, dense_gguf},       {"qwen2", dense_hf, dense_gguf},
    {"qwen3", dense_hf, dense_gguf},
};

Status unknown(std::string_view name) {
  return error(Code::unsupported, "architecture: expected one of {}, found `{}`",
               fmt::join(known_architectures(), ", "), name);
}

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Architecture& a : kArchitectures) names.emplace_back(a.name);
  return names;
}

Result<std::unique_ptr<Model>> make_model(const Json& config) {
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  for (const Architecture& a : kArchitectures) {
    if (a.name == type && a.from_hf) return a.from_hf(config);
  }
  return unknown(type);
}

Result<std::unique_ptr<Model>> make_model(const Checkpoint& checkpoint, Notices& notices,
                                          const ModelHints& hints) {
  if (checkpoint.kind() == CheckpointKind::hugging_face) {
    auto scheme = foreign_scheme(checkpoint);
    if (!scheme) return std::move(scheme).status().at(checkpoint.path());
    auto made = make_model(*checkpoint.config());
    if (made) return made;
    return std::move(made).status().at(checkpoint.path() + "/config.json");
  }
  const Gguf& gguf = *checkpoint.gguf();
  auto name = gguf.get_string("general.architecture");
  if (!name) return std::move(name).status().at(checkpoint.path());
  for (const Architecture& a : kArchitectures) {
    if (a.name != *name || !a.from_gguf) continue;
    auto made = a.from_gguf(gguf, notices, hints);
    if (made) return made;
    return std::move(made).status().at(checkpoint.path());
  }
  return unknown(*name).at(checkpoint.path());
}

}  // namespace hearth
