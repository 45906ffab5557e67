// See adapters_json.h.
#include "hearth/serve/openai/adapters_json.h"

#include <nlohmann/json.hpp>

#include "hearth/serve/openai/fields.h"
#include "hearth/serve/openai/write_reply.h"

namespace hearth::serve {
namespace {

Json entry(const LoadedAdapter& loaded, const std::string& base) {
  const AdapterFacts& facts = loaded.adapter->facts();
  return {
      {"id", loaded.name},         {"object", "adapter"},    {"model", base + ":" + loaded.name},
      {"created", loaded.created}, {"format", facts.format}, {"base", facts.base},
      {"targets", facts.targets},  {"rank", facts.rank},     {"parameters", facts.parameters},
      {"bytes", facts.bytes}};
}

}  // namespace

std::optional<ApiError> read_adapter_request(std::string_view body, AdapterRequest& out) {
  Json object;
  if (auto error = parse_body(body, object)) return error;
  Fields fields(object);
  fields.string("name", out.name);
  fields.string("path", out.path);
  for (const auto& [key, value] : {std::pair{"name", &out.name}, {"path", &out.path}}) {
    if (value->empty()) fields.fail(key, "missing", "expected a text, found nothing");
  }
  fields.list_unasked(out.ignored);
  return fields.error();
}

std::string adapter_json(const LoadedAdapter& loaded, const std::string& base) {
  return dump_json(entry(loaded, base));
}

std::string adapters_json(const std::vector<LoadedAdapter>& all, const std::string& base) {
  Json data = Json::array();
  for (const LoadedAdapter& loaded : all) data.push_back(entry(loaded, base));
  return dump_json({{"object", "list"}, {"data", std::move(data)}});
}

std::string adapter_gone_json(const std::string& name) {
  return dump_json({{"id", name}, {"object", "adapter"}, {"deleted", true}});
}

}  // namespace hearth::serve
