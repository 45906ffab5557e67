// See policy.h.
#include "hearth/guard/pii/policy.h"

#include <array>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"
#include "hearth/files/json.h"

namespace hearth::pii {
namespace {

constexpr std::array<std::string_view, 4> kModes = {"off", "log_only", "mask", "block"};
constexpr int64_t kPolicyBytesMax = 1 << 20;

// Sets the types that `key` lists to `on`.
Status read_types(const Json& policy, std::string_view key, bool on, TypeSet& out) {
  TRY_ASSIGN(const Json* const list, json_array(policy, key));
  for (const Json& name : *list) {
    const auto type =
        name.is_string() ? find_type(name.get_ref<const std::string&>()) : std::nullopt;
    if (!type) {
      return error(Code::corrupt, "`{}`: expected names of types like MOBILE, found {}", key,
                   json_excerpt(name));
    }
    out.set(*type, on);
  }
  return Status::ok();
}

}  // namespace

std::string_view mode_name(Mode mode) {
  return kModes[static_cast<size_t>(mode)];
}

std::optional<Mode> find_mode(std::string_view name) {
  for (size_t i = 0; i < kModes.size(); ++i) {
    if (kModes[i] == name) return static_cast<Mode>(i);
  }
  return std::nullopt;
}

Result<DetectOptions> parse_policy(std::string_view json) {
  JsonLimits limits;
  limits.bytes_max = kPolicyBytesMax;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(const Json policy, parse_json(json, limits));
  if (!policy.is_object()) {
    return error(Code::corrupt, "expected a JSON object, found {}", json_excerpt(policy));
  }
  constexpr std::array<std::string_view, 4> kKeys = {"types", "except", "names", "score_min"};
  for (const auto& [key, value] : policy.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return error(Code::corrupt, "expected types, except, names or score_min, found {}",
                   json_excerpt(Json(key)));
    }
  }
  DetectOptions out;
  if (json_find(policy, "types")) {
    out.types = TypeSet();
    TRY(read_types(policy, "types", true, out.types));
  }
  TRY_ASSIGN(const bool names, json_bool_or(policy, "names", false));
  if (names) {
    out.types.set(Type::person, true);
    out.types.set(Type::address, true);
  }
  if (json_find(policy, "except")) TRY(read_types(policy, "except", false, out.types));
  TRY_ASSIGN(out.score_min, json_number_or(policy, "score_min", out.score_min, 0.05, 1));
  return out;
}

Result<DetectOptions> read_policy(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kPolicyBytesMax));
  auto policy = parse_policy(text);
  if (!policy) return std::move(policy).status().at(path);
  return policy;
}

}  // namespace hearth::pii
