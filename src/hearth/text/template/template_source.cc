// See template_source.h.
#include "hearth/text/template/template_source.h"

#include <nlohmann/json.hpp>

namespace hearth {
namespace {

// `chat_template` is a string, or a list of named ones of which `default` is meant.
const Json* template_in(const Json& config) {
  const Json* value = json_find(config, "chat_template");
  if (!value || !value->is_array()) return value;
  for (const Json& entry : *value) {
    const Json* name = json_find(entry, "name");
    if (name && name->is_string() && name->get<std::string>() == "default") {
      return json_find(entry, "template");
    }
  }
  return nullptr;
}

}  // namespace

Result<std::string> chat_template_source(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) {
    TRY_ASSIGN(const auto source, gguf->opt_string("tokenizer.chat_template"));
    return std::string(source.value_or(""));
  }
  if (checkpoint.has("chat_template.jinja")) return checkpoint.text("chat_template.jinja");
  if (!checkpoint.has("tokenizer_config.json")) return std::string();
  TRY_ASSIGN(const std::string text, checkpoint.text("tokenizer_config.json"));
  auto config = parse_json(text);
  if (!config) return std::move(config).status().at("tokenizer_config.json");
  const Json* source = template_in(*config);
  return source && source->is_string() ? source->get<std::string>() : std::string();
}

}  // namespace hearth
