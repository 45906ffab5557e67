// The list of architectures: one line each.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
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

// Many converters leave the layer for multi-token prediction out and its number as it was.
void drop_missing_mtp(bool wanted, bool stored, Result<DeepseekConfig>& config) {
  if (config && !(wanted && stored)) config->num_nextn_predict_layers = 0;
}

Made deepseek_hf(const Json& json, const ModelHints& hints, const Checkpoint* checkpoint) {
  Result<DeepseekConfig> config = DeepseekConfig::from_hf(json);
  const auto stored = [&] {
    return !checkpoint ||
           checkpoint->find(fmt::format("model.layers.{}.enorm.weight", config->num_hidden_layers));
  };
  drop_missing_mtp(hints.mtp, config && stored(), config);
  return wrap<DeepseekModel>(std::move(config));
}
Made deepseek_gguf(const Gguf& gguf, Notices& notices, const ModelHints& hints) {
  Result<DeepseekConfig> config = DeepseekConfig::from_gguf(gguf, notices, hints);
  const auto stored = [&] {
    return gguf.find(fmt::format("blk.{}.nextn.enorm.weight", config->num_hidden_layers));
  };
  drop_missing_mtp(hints.mtp, config && stored(), config);
  return wrap<DeepseekModel>(std::move(config));
}
Made dense_hf(const Json& config, const ModelHints&, const Checkpoint*) {
  return wrap<DenseModel>(DenseConfig::from_hf(config));
}
Made dense_gguf(const Gguf& gguf, Notices&, const ModelHints&) {
  return wrap<DenseModel>(DenseConfig::from_gguf(gguf));
}

struct Architecture {
  std::string_view name;  // model_type in config.json, or general.architecture in GGUF
  // The checkpoint is null where there is a config alone.
  Made (*from_hf)(const Json&, const ModelHints&, const Checkpoint*);
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
               fmt::join(known_architectures(), ", "), excerpt(name));
}

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Architecture& a : kArchitectures) names.emplace_back(a.name);
  return names;
}

namespace {

Made make_from_hf(const Json& config, const ModelHints& hints, const Checkpoint* checkpoint) {
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  for (const Architecture& a : kArchitectures) {
    if (a.name == type && a.from_hf) return a.from_hf(config, hints, checkpoint);
  }
  return unknown(type);
}

}  // namespace

Result<std::unique_ptr<Model>> make_model(const Json& config, const ModelHints& hints) {
  return make_from_hf(config, hints, nullptr);
}

Result<std::unique_ptr<Model>> make_model(const Checkpoint& checkpoint, Notices& notices,
                                          const ModelHints& hints) {
  if (checkpoint.kind() == CheckpointKind::hugging_face) {
    auto scheme = foreign_scheme(checkpoint);
    if (!scheme) return std::move(scheme).status().at(checkpoint.path());
    auto made = make_from_hf(*checkpoint.config(), hints, &checkpoint);
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
