// `format` of JSON Schema as regular expressions, a part of each where the whole is not regular.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::grammar {

struct StringFormat {
  std::string_view name;
  std::string regex;
  int64_t shortest, longest;  // characters of what it matches
};

// Null: this format is not offered.
const StringFormat* find_format(std::string_view name);
// All that are, for a message.
std::string_view offered_formats();

}  // namespace hearth::grammar
