// See hex.h.
#include "hearth/base/hex.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include "hearth/base/check.h"

namespace hearth {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string hex_of(std::span<const unsigned char> bytes) {
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::optional<std::vector<unsigned char>> bytes_of_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::vector<unsigned char> out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = digit_of(digits[i]);
    const int low = digit_of(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<unsigned char>(high * 16 + low));
  }
  return out;
}

std::string random_hex(size_t count) {
  std::vector<unsigned char> bytes(count);
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(count)), 1);
  return hex_of(bytes);
}

}  // namespace hearth
