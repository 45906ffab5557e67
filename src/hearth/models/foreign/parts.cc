// See parts.h.
#include "hearth/models/foreign/parts.h"

#include <algorithm>
#include <cstring>

#include "hearth/formats/codec.h"

namespace hearth {

Result<const TensorEntry*> Parts::get_any(std::string_view part) const {
  const TensorEntry* entry = find(part);
  if (entry) return entry;
  return error(Code::corrupt, "`{}`: expected beside the other parts of `{}`, found none",
               name(part), module_);
}

Result<const TensorEntry*> Parts::get(std::string_view part, std::string_view dtype,
                                      const Shape& shape) const {
  TRY_ASSIGN(const TensorEntry* entry, get_any(part));
  if (entry->dtype == dtype && entry->tensor.shape == shape) return entry;
  return error(Code::corrupt, "`{}`: expected {} {}, found {} {}", name(part), dtype,
               shape.to_string(), entry->dtype, entry->tensor.shape.to_string());
}

Result<const TensorEntry*> Parts::get_floats(std::string_view part, const Shape& shape) const {
  return get_floats(part, {shape});
}

Result<const TensorEntry*> Parts::get_floats(std::string_view part,
                                             std::initializer_list<Shape> shapes) const {
  TRY_ASSIGN(const TensorEntry* entry, get_any(part));
  const bool fits = std::ranges::find(shapes, entry->tensor.shape) != shapes.end();
  if (fits && is_plain_float(*entry)) return entry;
  std::string expected;
  for (const Shape& shape : shapes) {
    expected += (expected.empty() ? "" : " or ") + shape.to_string();
  }
  return error(Code::corrupt, "`{}`: expected F32, F16 or BF16 {}, found {} {}", name(part),
               expected, entry->dtype, entry->tensor.shape.to_string());
}

bool is_plain_float(const TensorEntry& entry) {
  return entry.format == Format::f32 || entry.format == Format::f16 || entry.format == Format::bf16;
}

bool is_among(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

Result<const std::byte*> read_group_order(const TensorEntry& g_idx, int64_t group, int64_t groups) {
  bool ordered = true;
  for (int64_t i = 0; i < g_idx.tensor.shape.elements(); ++i) {
    int32_t of;
    std::memcpy(&of, g_idx.tensor.data + i * 4, 4);
    if (of < 0 || of >= groups) {
      return error(Code::corrupt, "`{}`: expected groups below {}, found {}", g_idx.name, groups,
                   of);
    }
    ordered = ordered && of == i / group;
  }
  return ordered ? nullptr : static_cast<const std::byte*>(g_idx.tensor.data);
}

Status refuse_both(const Parts& parts) {
  if (!parts.find("weight")) return Status::ok();
  return error(Code::corrupt, "`{}`: expected a packed weight only, found a plain one too",
               parts.module());
}

float float_at(const Tensor& tensor, int64_t index) {
  float value;
  const int64_t columns = tensor.columns();
  decode_row(tensor, index / columns, index % columns, 1, &value);
  return value;
}

}  // namespace hearth
