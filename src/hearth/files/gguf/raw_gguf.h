// GGUF bytes field by field, wrong ones too: for tests and fuzz seeds only. What a field does not
// override follows from the others, so that `RawGguf().encode()` is valid.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/files/gguf/gguf_types.h"

namespace hearth {

template <typename T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string raw_text(std::string_view text) {
  return raw<uint64_t>(text.size()) + std::string(text);
}

// One metadata value: `payload` as it follows the type id.
inline std::string raw_value(std::string_view key, GgufType type, const std::string& payload) {
  return raw_text(key) + raw(static_cast<uint32_t>(type)) + payload;
}

inline std::string raw_array(std::string_view key, GgufType element, uint64_t size,
                             const std::string& payload) {
  return raw_value(key, GgufType::array, raw(static_cast<uint32_t>(element)) + raw(size) + payload);
}

struct RawTensor {
  std::string name = "w";
  std::vector<uint64_t> sizes = {4, 2};  // innermost first, as in the file
  uint32_t type = 0;                     // F32
  uint64_t offset = 0;
  std::optional<uint32_t> rank;

  std::string encode() const {
    std::string bytes = raw_text(name) + raw(rank.value_or(static_cast<uint32_t>(sizes.size())));
    for (const uint64_t size : sizes) bytes += raw(size);
    return bytes + raw(type) + raw(offset);
  }
};

struct RawGguf {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> tensors_count;
  std::optional<uint64_t> values_count;
  std::vector<std::string> values = {
      raw_value("general.architecture", GgufType::string, raw_text("tiny"))};
  std::vector<RawTensor> tensors = {RawTensor{}};
  size_t alignment = 32;
  size_t data_bytes = 32;

  std::string encode() const {
    std::string bytes = magic + raw(version) + raw(tensors_count.value_or(tensors.size())) +
                        raw(values_count.value_or(values.size()));
    for (const std::string& value : values) bytes += value;
    for (const RawTensor& tensor : tensors) bytes += tensor.encode();
    bytes.append((alignment - bytes.size() % alignment) % alignment, '\0');
    for (size_t i = 0; i < data_bytes; ++i) bytes += static_cast<char>(i * 37);
    return bytes;
  }
};

}  // namespace hearth
