// See request_id.h.
#include "hearth/serve/request_id.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>

#include "hearth/base/check.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr size_t kRequestIdMax = 128;

}  // namespace

std::string request_id(std::string_view given) {
  if (is_word(given, kRequestIdMax)) return std::string(given);
  std::array<unsigned char, 12> bytes;
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())), 1);
  std::string out = "req-";
  for (unsigned char b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

}  // namespace hearth::serve
