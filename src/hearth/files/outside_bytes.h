// First looks at bytes from outside: is it UTF-8, how to show it in a one-line error, and which
// well-known wrong thing a file is (an LFS pointer, a pickle, a web page).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

bool is_utf8(std::string_view text);

// `text` for a message: cut to about `bytes_max`, control characters and invalid UTF-8 replaced.
std::string excerpt(std::string_view text, size_t bytes_max = 60);

// What the first bytes are known to be, in words for "expected X, found ..."; "" when they are
// nothing known. Never says "safetensors", which has no magic.
std::string_view describe_content(std::span<const std::byte> bytes);

}  // namespace hearth
