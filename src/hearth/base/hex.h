// Bytes as lower-case hexadecimal digits and back.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

std::string hex_of(std::span<const unsigned char> bytes);
// nullopt: an odd number of digits, or something else among them.
std::optional<std::vector<unsigned char>> bytes_of_hex(std::string_view digits);

// `count` random bytes, in digits.
std::string random_hex(size_t count);

}  // namespace hearth
