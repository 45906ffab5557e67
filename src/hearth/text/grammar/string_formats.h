// `format` of JSON Schema as regular expressions, a part of each where the whole is not regular.
#pragma once

#include <optional>
#include <string_view>

namespace hearth::grammar {

// nullopt: this format is not offered.
std::optional<std::string_view> format_regex(std::string_view format);
// All that are, for a message.
std::string_view offered_formats();

}  // namespace hearth::grammar
