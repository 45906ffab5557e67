// See weight_head.h.
#include "hearth/store/weight_head.h"

#include <cstring>
#include <optional>
#include <string_view>

#include "hearth/files/gguf/gguf_parser.h"
#include "hearth/files/safetensors/safetensors.h"

namespace hearth::store {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr int64_t kLengthBytes = sizeof(uint64_t);

// Of the JSON behind the eight bytes that say it; nullopt where a reader stops at these.
std::optional<uint64_t> json_bytes(std::span<const std::byte> beginning) {
  uint64_t length = 0;
  if (beginning.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, beginning.data(), sizeof length);
  if (length > static_cast<uint64_t>(kSafetensorsHeaderMax)) return std::nullopt;
  return length;
}

}  // namespace

int64_t safetensors_head_bytes(std::span<const std::byte> beginning) {
  const auto length = json_bytes(beginning);
  return length ? static_cast<int64_t>(*length) + kLengthBytes : kLengthBytes;
}

// Nothing says how long it is: it is read.
int64_t gguf_head_bytes(std::span<const std::byte> file) {
  GgufParser parser(file);
  static_cast<void>(parser.run());  // the file's reader will say what is wrong
  return parser.place();
}

std::string aligned_safetensors_head(std::string head) {
  const auto length = json_bytes(std::as_bytes(std::span(head)));
  if (!length || head.size() != *length + sizeof *length) return head;
  const uint64_t longer = *length + -head.size() % kAlignment;
  if (longer > static_cast<uint64_t>(kSafetensorsHeaderMax)) return head;
  head.resize(longer + sizeof longer, ' ');
  std::memcpy(head.data(), &longer, sizeof longer);
  return head;
}

}  // namespace hearth::store
