// ggml's type numbers with their block sizes, in one table. Gaps are retired ids, or types that
// never lie in a file (Q8_1 exists in kernels only).
#include "hearth/files/gguf/gguf_types.h"

#include <algorithm>
#include <array>

#include "hearth/base/check.h"

namespace hearth {
namespace {

struct ValueType {
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<ValueType, kGgufTypes> kValueTypes = {{
    {"u8", 1},
    {"i8", 1},
    {"u16", 2},
    {"i16", 2},
    {"u32", 4},
    {"i32", 4},
    {"f32", 4},
    {"bool", 1},
    {"string", 0},
    {"array", 0},
    {"u64", 8},
    {"i64", 8},
    {"f64", 8},
}};

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The Format of the same name, case aside; its block must be the same block.
constexpr std::optional<Format> format_of(std::string_view name, int64_t elements, int64_t bytes) {
  for (const FormatInfo& info : kFormats) {
    if (info.name.size() != name.size()) continue;
    bool same = true;
    for (size_t i = 0; i < name.size(); ++i) same = same && info.name[i] == lower(name[i]);
    if (same && info.block_elements == elements && info.block_bytes == bytes) return info.format;
  }
  return std::nullopt;
}

constexpr GgmlType type(uint32_t id, std::string_view name, int64_t elements, int64_t bytes) {
  return {id, name, elements, bytes, format_of(name, elements, bytes)};
}

constexpr std::array kTypes = {
    type(0, "F32", 1, 4),         type(1, "F16", 1, 2),         type(2, "Q4_0", 32, 18),
    type(3, "Q4_1", 32, 20),      type(6, "Q5_0", 32, 22),      type(7, "Q5_1", 32, 24),
    type(8, "Q8_0", 32, 34),      type(10, "Q2_K", 256, 84),    type(11, "Q3_K", 256, 110),
    type(12, "Q4_K", 256, 144),   type(13, "Q5_K", 256, 176),   type(14, "Q6_K", 256, 210),
    type(15, "Q8_K", 256, 292),   type(16, "IQ2_XXS", 256, 66), type(17, "IQ2_XS", 256, 74),
    type(18, "IQ3_XXS", 256, 98), type(19, "IQ1_S", 256, 50),   type(20, "IQ4_NL", 32, 18),
    type(21, "IQ3_S", 256, 110),  type(22, "IQ2_S", 256, 82),   type(23, "IQ4_XS", 256, 136),
    type(24, "I8", 1, 1),         type(25, "I16", 1, 2),        type(26, "I32", 1, 4),
    type(27, "I64", 1, 8),        type(28, "F64", 1, 8),        type(29, "IQ1_M", 256, 56),
    type(30, "BF16", 1, 2),       type(34, "TQ1_0", 256, 54),   type(35, "TQ2_0", 256, 66),
    type(39, "MXFP4", 32, 17),
};

}  // namespace

std::string_view gguf_type_name(GgufType type) {
  const auto id = static_cast<uint32_t>(type);
  CHECK_LT(id, kGgufTypes);
  return kValueTypes[id].name;
}

int64_t gguf_type_bytes(GgufType type) {
  const auto id = static_cast<uint32_t>(type);
  CHECK_LT(id, kGgufTypes);
  return kValueTypes[id].bytes;
}

const GgmlType* ggml_type(uint32_t id) {
  const auto at =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const GgmlType& t) { return t.id == id; });
  return at == kTypes.end() ? nullptr : &*at;
}

const GgmlType* ggml_type_by_name(std::string_view name) {
  const auto at =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const GgmlType& t) { return t.name == name; });
  return at == kTypes.end() ? nullptr : &*at;
}

const GgmlType* ggml_type_by_format(Format format) {
  const auto at = std::find_if(kTypes.begin(), kTypes.end(),
                               [&](const GgmlType& t) { return t.format == format; });
  return at == kTypes.end() ? nullptr : &*at;
}

}  // namespace hearth
