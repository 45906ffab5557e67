// Reads one GGUF file from memory into a Gguf. Every length is compared with the bytes left before
// it is followed; counts are compared with the smallest bytes that many items could take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf.h"

namespace hearth {

class GgufParser {
 public:
  explicit GgufParser(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Status run();
  // After run(), whatever came of it: nothing behind this byte has been looked at, but for the few
  // at the file's start that tell what else it may be.
  int64_t place() const { return at_; }

  // What was read; entries are not yet a table, so that split files can be joined.
  std::vector<GgufValue> values;
  std::vector<TensorEntry> entries;
  uint32_t version = 0;

  // Sorts, refuses duplicate keys and tensors, and fills `gguf`.
  static Status finish(std::vector<GgufValue> values, std::vector<TensorEntry> entries,
                       uint32_t version, Gguf& gguf);

 private:
  template <typename T>
  Result<T> number(std::string_view what);
  Result<std::string_view> text(std::string_view what, int64_t bytes_max);
  Status header();
  Status read_value();
  Status read_array(GgufValue& value);
  Status walk_strings(const GgufValue& value);
  Status read_tensor();
  Result<int64_t> alignment() const;
  Status place_tensors();

  int64_t left() const { return static_cast<int64_t>(bytes_.size()) - at_; }
  Status skip(int64_t count, std::string_view what);

  std::span<const std::byte> bytes_;
  int64_t at_ = 0;
  uint64_t tensors_ = 0;
  uint64_t values_ = 0;
  int64_t strings_walked_ = 0;
  std::vector<uint64_t> offsets_;  // of entries, from the start of the data section
};

}  // namespace hearth
