// Format: how elements lie in memory, for weights and activations alike. A format is a fixed-size
// block of `block_elements` consecutive elements of a row stored in `block_bytes` bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

enum class Format : uint8_t {
#define HEARTH_FORMAT(id, elements, bytes, group, has_min) id,
#include "hearth/tensor/formats.def"
#undef HEARTH_FORMAT
};

struct FormatInfo {
  Format format;
  std::string_view name;
  int64_t block_elements;
  int64_t block_bytes;
  // The integer view (formats/with_format.h): elements that share a scale, 0 without such a view,
  // and whether a min is subtracted.
  int64_t group;
  bool has_min;
};

inline constexpr std::array kFormats = {
#define HEARTH_FORMAT(id, elements, bytes, group, has_min) \
  FormatInfo{Format::id, #id, elements, bytes, group, has_min},
#include "hearth/tensor/formats.def"
#undef HEARTH_FORMAT
};

constexpr const FormatInfo& format_info(Format format) {
  return kFormats[static_cast<size_t>(format)];
}

constexpr std::optional<Format> format_by_name(std::string_view name) {
  for (const FormatInfo& info : kFormats) {
    if (info.name == name) return info.format;
  }
  return std::nullopt;
}

}  // namespace hearth
