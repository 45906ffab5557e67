// A GGUF file, version 2 or 3, little endian, or a set of split files joined into one: typed
// metadata and a table of tensors (docs/formats/gguf.md). Metadata stays where it lies in the
// mapping; arrays are decoded while they are walked, so a vocabulary costs no memory here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf_types.h"
#include "hearth/files/tensor_table.h"

namespace hearth {

// Array of strings, walked forward: for (std::string_view token : strings) ...
// Bind it to a name before such a loop: C++20 ends the temporary of *get_strings(..) too early.
// Content is as the file says it: not checked to be UTF-8.
class GgufStrings {
 public:
  class Iterator {
   public:
    explicit Iterator(const std::byte* at, int64_t left) : at_(at), left_(left) {}
    std::string_view operator*() const;
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return left_ != other.left_; }

   private:
    const std::byte* at_;  // at a length, checked when the file was parsed
    int64_t left_;
  };

  GgufStrings() = default;
  GgufStrings(const std::byte* begin, int64_t size) : begin_(begin), size_(size) {}
  int64_t size() const { return size_; }
  Iterator begin() const { return Iterator(begin_, size_); }
  Iterator end() const { return Iterator(nullptr, 0); }

 private:
  const std::byte* begin_ = nullptr;
  int64_t size_ = 0;
};

// Array of integers (bool counts as 0 or 1) or of floats of one width, by index.
class GgufNumbers {
 public:
  GgufNumbers() = default;
  GgufNumbers(GgufType type, const std::byte* begin, int64_t size)
      : type_(type), begin_(begin), size_(size) {}
  GgufType type() const { return type_; }
  int64_t size() const { return size_; }
  int64_t integer(int64_t i) const;  // integer types; u64 beyond int64 becomes int64's maximum
  double number(int64_t i) const;    // any type

 private:
  GgufType type_ = GgufType::u8;
  const std::byte* begin_ = nullptr;
  int64_t size_ = 0;
};

// One metadata value: a view into the file. Scalars are asked through Gguf's get_*.
struct GgufValue {
  std::string_view key;
  GgufType type = GgufType::u8;
  GgufType element_type = GgufType::u8;  // of an array
  int64_t size = 1;                      // elements of an array, bytes of a string
  const std::byte* data = nullptr;       // first value, string byte or array element

  bool is_array() const { return type == GgufType::array; }
  std::string to_string(int64_t elements_max = 8) const;  // for people; long values are cut
};

// Owner of the mappings that values and tensors point into. Thread-safe (const).
class Gguf {
 public:
  // Of a split model (NAME-00001-of-0000N.gguf) any part may be given; all are opened and joined.
  static Result<Gguf> open(const std::string& path);
  // One file from 8-byte aligned memory that outlives the result; messages carry no path.
  static Result<Gguf> parse(std::span<const std::byte> bytes);

  // Metadata of the first file, in its order. nullptr: no such key.
  std::span<const GgufValue> metadata() const { return values_; }
  const GgufValue* find_value(std::string_view key) const;

  // not_found when the key is absent, corrupt when its value is of another kind or out of range.
  // Any integer width is taken where the value fits, any float width for f32.
  Result<uint32_t> get_u32(std::string_view key) const;
  Result<uint64_t> get_u64(std::string_view key) const;
  Result<int64_t> get_i64(std::string_view key) const;
  Result<float> get_f32(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;  // checked to be UTF-8
  Result<GgufStrings> get_strings(std::string_view key) const;
  Result<GgufNumbers> get_integers(std::string_view key) const;  // integers or bools
  Result<GgufNumbers> get_floats(std::string_view key) const;

  // The same for a key that may be absent (nullopt). A value of the wrong kind stays an error.
  Result<std::optional<uint32_t>> opt_u32(std::string_view key) const;
  Result<std::optional<uint64_t>> opt_u64(std::string_view key) const;
  Result<std::optional<float>> opt_f32(std::string_view key) const;
  Result<std::optional<bool>> opt_bool(std::string_view key) const;
  Result<std::optional<std::string_view>> opt_string(std::string_view key) const;
  Result<std::optional<GgufStrings>> opt_strings(std::string_view key) const;
  Result<std::optional<GgufNumbers>> opt_integers(std::string_view key) const;
  Result<std::optional<GgufNumbers>> opt_floats(std::string_view key) const;

  std::span<const TensorEntry> tensors() const { return table_.entries(); }
  const TensorEntry* find(std::string_view name) const { return table_.find(name); }

  uint32_t version() const { return version_; }
  int64_t files() const { return static_cast<int64_t>(files_.size()); }
  // See MappedFile: of whichever file they are in.
  std::optional<FileRange> range_of(const std::byte* begin, int64_t bytes) const;
  // corrupt when a file changed its size since it was mapped.
  Status unchanged() const;

 private:
  friend class GgufParser;

  std::vector<MappedFile> files_;
  std::vector<GgufValue> values_;
  std::vector<uint32_t> by_key_;  // indices of values_, sorted by key
  TensorTable table_;
  uint32_t version_ = 0;
};

}  // namespace hearth
