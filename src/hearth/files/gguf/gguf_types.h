// The type ids of GGUF: of metadata values, and of tensors as ggml numbers them. Ids and block
// sizes are the specification of the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hearth/tensor/format.h"

namespace hearth {

enum class GgufType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
inline constexpr uint32_t kGgufTypes = 13;
std::string_view gguf_type_name(GgufType type);
// Bytes of one value; 0 for string and array, whose sizes lie in the file.
int64_t gguf_type_bytes(GgufType type);
constexpr bool gguf_type_is_integer(GgufType type) {
  return type <= GgufType::i32 || type == GgufType::u64 || type == GgufType::i64;
}
constexpr bool gguf_type_is_float(GgufType type) {
  return type == GgufType::f32 || type == GgufType::f64;
}

struct GgmlType {
  uint32_t id;
  std::string_view name;
  int64_t block_elements;
  int64_t block_bytes;
  std::optional<Format> format;  // follows from the name: Q4_K is Format q4_k once that exists
};
const GgmlType* ggml_type(uint32_t id);  // nullptr: unknown, or retired (4, 5, 9, 31, ...)
const GgmlType* ggml_type_by_name(std::string_view name);
const GgmlType* ggml_type_by_format(Format format);  // nullptr: GGUF cannot hold it

}  // namespace hearth
