// See request_id.h.
#include "hearth/serve/request_id.h"

#include "hearth/base/hex.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr size_t kRequestIdMax = 128;

}  // namespace

std::string request_id(std::string_view given) {
  if (is_word(given, kRequestIdMax)) return std::string(given);
  return "req-" + random_hex(12);
}

}  // namespace hearth::serve
