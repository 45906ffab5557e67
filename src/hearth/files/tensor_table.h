// What a weight file holds: named tensors that point into its mapping. The same table for
// safetensors, GGUF and a directory of shards. Shapes are outermost first, [out, in]; stacked
// experts are [experts, out, in].
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

struct TensorEntry {
  std::string name;
  std::string dtype;             // as the file says: "BF16", "Q4_K", "I64"
  std::optional<Format> format;  // nullopt: a type that Hearth cannot compute with
  // A read-only view, valid while the file's owner lives; data is null when the tensor is empty.
  // Without a format only `shape` and `data` have a meaning.
  Tensor tensor;
  int64_t bytes = 0;  // in the file, without scales
};

// An immutable list with lookup by name. Order is the file's. Thread-safe (const).
class TensorTable {
 public:
  TensorTable() = default;
  // corrupt when two entries have one name.
  static Result<TensorTable> build(std::vector<TensorEntry> entries);

  std::span<const TensorEntry> entries() const { return entries_; }
  const TensorEntry* find(std::string_view name) const;  // nullptr: absent

 private:
  std::vector<TensorEntry> entries_;
  std::vector<uint32_t> by_name_;  // indices of entries_, sorted by name
};

// Bytes of `shape` in a type of `block_elements` per `block_bytes`; corrupt (without the tensor's
// name) when a size is negative, the row is no multiple of the block, or a product wraps.
Result<int64_t> packed_bytes(std::span<const int64_t> sizes, int64_t block_elements,
                             int64_t block_bytes);

// Names come from outside and go into messages and JSON: non-empty, valid UTF-8, no NUL or other
// control character. The message shows what is printable of a bad one.
Status check_name(std::string_view name);

}  // namespace hearth
