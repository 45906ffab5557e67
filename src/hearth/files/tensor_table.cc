// Lookup by a sorted index, and the size arithmetic that every reader shares.
#include "hearth/files/tensor_table.h"

#include <algorithm>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"

namespace hearth {

Result<TensorTable> TensorTable::build(std::vector<TensorEntry> entries) {
  TensorTable table;
  table.entries_ = std::move(entries);
  table.by_name_.resize(table.entries_.size());
  for (uint32_t i = 0; i < table.by_name_.size(); ++i) table.by_name_[i] = i;
  const auto name = [&](uint32_t i) -> const std::string& { return table.entries_[i].name; };
  std::sort(table.by_name_.begin(), table.by_name_.end(),
            [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  for (size_t i = 0; i + 1 < table.by_name_.size(); ++i) {
    if (name(table.by_name_[i]) == name(table.by_name_[i + 1])) {
      return error(Code::corrupt, "the tensor `{}` stands twice", name(table.by_name_[i]));
    }
  }
  return table;
}

const TensorEntry* TensorTable::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [&](uint32_t i, std::string_view wanted) { return entries_[i].name < wanted; });
  if (at == by_name_.end() || entries_[*at].name != name) return nullptr;
  return &entries_[*at];
}

Result<int64_t> packed_bytes(std::span<const int64_t> sizes, int64_t block_elements,
                             int64_t block_bytes) {
  const int64_t columns = sizes.empty() ? 1 : sizes.back();
  // A zero counts as one, so that no partial product of the shape can wrap later on.
  int64_t positive = block_bytes;
  bool empty = false;
  for (const int64_t size : sizes) {
    if (size < 0) return error(Code::corrupt, "expected sizes >= 0, found {}", size);
    empty = empty || size == 0;
    const auto product = checked_mul(positive, std::max<int64_t>(size, 1));
    if (!product) {
      return error(Code::corrupt, "expected a shape of less than 2^63 bytes, found [{}]",
                   fmt::join(sizes, ", "));
    }
    positive = *product;
  }
  if (columns % block_elements != 0) {
    return error(Code::corrupt, "expected rows of a multiple of {} elements, found {}",
                 block_elements, columns);
  }
  return empty ? 0 : positive / block_elements;
}

Status check_name(std::string_view name) {
  if (name.empty()) return error(Code::corrupt, "expected a name, found an empty string");
  if (!is_utf8(name)) {
    return error(Code::corrupt, "expected a name in UTF-8, found \"{}\"", excerpt(name));
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return error(Code::corrupt, "expected a name without control characters, found \"{}\"",
                   excerpt(name));
    }
  }
  return Status::ok();
}

}  // namespace hearth
