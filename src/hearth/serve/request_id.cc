// See request_id.h.
#include "hearth/serve/request_id.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "hearth/base/check.h"

namespace hearth::serve {
namespace {

constexpr size_t kRequestIdMax = 128;

}  // namespace

bool is_word(std::string_view text, size_t bytes_max) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= bytes_max && std::all_of(text.begin(), text.end(), good);
}

std::string request_id(std::string_view given) {
  if (is_word(given, kRequestIdMax)) return std::string(given);
  std::array<unsigned char, 12> bytes;
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())), 1);
  std::string out = "req-";
  for (unsigned char b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

}  // namespace hearth::serve
