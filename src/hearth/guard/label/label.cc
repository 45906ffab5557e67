// See label.h.
#include "hearth/guard/label/label.h"

#include <array>
#include <nlohmann/json.hpp>

#include "hearth/base/hex.h"

namespace hearth::label {
namespace {

constexpr std::array<std::string_view, 5> kPlacements = {"off", "metadata", "interface", "prefix",
                                                         "suffix"};
struct Words {
  std::string_view prefix, suffix;
};
constexpr std::array<Words, 2> kWords = {{
    {"[AI-generated content]\n\n", "\n\n[AI-generated content]"},
    {"【本内容由人工智能（AI）生成】\n\n", "\n\n【本内容由人工智能（AI）生成】"},
}};

}  // namespace

std::string_view placement_name(Placement placement) {
  return kPlacements[static_cast<size_t>(placement)];
}

std::optional<Placement> find_placement(std::string_view name) {
  for (size_t i = 0; i < kPlacements.size(); ++i) {
    if (kPlacements[i] == name) return static_cast<Placement>(i);
  }
  return std::nullopt;
}

std::string_view explicit_text(Placement placement, Language language) {
  const Words& words = kWords[static_cast<size_t>(language)];
  if (placement == Placement::prefix) return words.prefix;
  return placement == Placement::suffix ? words.suffix : "";
}

Json aigc_json(const Mark& mark) {
  return {{"Label", "1"},        {"ContentProducer", mark.producer}, {"ProduceID", mark.produce_id},
          {"ReservedCode1", ""}, {"ContentPropagator", ""},          {"PropagateID", ""},
          {"ReservedCode2", ""}};
}

std::string aigc_header(const Mark& mark) {
  return aigc_json(mark).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string new_produce_id() {
  return random_hex(12);
}

std::string_view without_explicit_text(std::string_view text) {
  for (const Words& words : kWords) {
    if (text.starts_with(words.prefix)) text.remove_prefix(words.prefix.size());
    if (text.ends_with(words.suffix)) text.remove_suffix(words.suffix.size());
  }
  return text;
}

}  // namespace hearth::label
