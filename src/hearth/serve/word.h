// Names that come from outside and go into headers, paths and JSON: words.
#pragma once

#include <algorithm>
#include <string_view>

namespace hearth::serve {

// Letters, digits, `-`, `_` and `.`; not empty, at most `bytes_max`.
inline bool is_word(std::string_view text, size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace hearth::serve
