// The label of generated text: that a machine wrote it. Explicit, as words that people read, and
// implicit, as the metadata object `AIGC` of GB 45438-2025 (mandatory in China since 2025-09-01;
// the machine-readable mark of EU AI Act Article 50(2) is asked in the same place).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/files/json.h"

namespace hearth::label {

// off: no label at all. All others carry the metadata; prefix and suffix put words into the answer
// itself, interface leaves them to whatever shows it, as the chat page does.
enum class Placement : uint8_t { off, metadata, interface, prefix, suffix };
std::string_view placement_name(Placement placement);
std::optional<Placement> find_placement(std::string_view name);

enum class Language : uint8_t { english, chinese };

struct Policy {
  Placement placement = Placement::off;
  Language language = Language::english;
  std::string producer = "hearth";  // the name or code of who offers the service
};

// The words in an answer, with what sets them apart from it. Both languages name AI and that it
// generated the text, as the standard asks.
std::string_view explicit_text(Placement placement, Language language);

// Label "1": the text is generated. Reserved and propagation fields stay empty: they are for those
// who pass the text on.
struct Mark {
  std::string producer;
  std::string produce_id;  // of this answer
};
Json aigc_json(const Mark& mark);
// In ASCII, for headers.
std::string aigc_header(const Mark& mark);

// A number that no other answer has.
std::string new_produce_id();

// `text` of an answer that a client sends back, without the words that were put into it: the model
// is shown what it wrote.
std::string_view without_explicit_text(std::string_view text);

}  // namespace hearth::label
