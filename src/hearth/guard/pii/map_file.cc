// See map_file.h.
#include "hearth/guard/pii/map_file.h"

#include <nlohmann/json.hpp>

#include "hearth/files/json.h"

namespace hearth::pii {
namespace {

Status read_entry(const Json& entry, Vault& vault) {
  TRY_ASSIGN(const std::string token, json_string(entry, "token"));
  TRY_ASSIGN(const std::string name, json_string(entry, "type"));
  TRY_ASSIGN(const std::string value, json_string(entry, "value"));
  const auto type = find_type(name);
  if (!type) return error(Code::corrupt, "`type`: expected a type like MOBILE");
  if (value.empty()) return error(Code::corrupt, "`value`: expected a text, found none");
  return vault.put(token, *type, value);
}

}  // namespace

std::string write_map(const Vault& vault) {
  Json tokens = Json::array();
  for (const Vault::Entry& e : vault.entries()) {
    tokens.push_back({{"token", e.token}, {"type", type_name(e.type)}, {"value", e.value}});
  }
  const Json map = {{"tokens", std::move(tokens)}};
  return map.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::shared_ptr<const Vault>> parse_map(std::string_view json) {
  JsonLimits limits;
  limits.bytes_max = int64_t{1} << 30;
  TRY_ASSIGN(const Json map, parse_json(json, limits));
  TRY_ASSIGN(const Json* const tokens, json_array(map, "tokens"));
  const auto vault = std::make_shared<Vault>();
  for (size_t i = 0; i < tokens->size(); ++i) {
    Status read = read_entry((*tokens)[i], *vault);
    if (!read.is_ok()) return std::move(read).at(fmt::format("tokens[{}]", i));
  }
  return std::shared_ptr<const Vault>(vault);
}

}  // namespace hearth::pii
