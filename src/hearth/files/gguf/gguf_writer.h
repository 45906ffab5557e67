// Writes a GGUF version 3 file as a stream: metadata and tensor declarations first (GgufHeader),
// then the bytes of each tensor in the order of declaration; padding is the writer's work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/atomic_file.h"
#include "hearth/files/gguf/gguf_types.h"

namespace hearth {

inline constexpr int64_t kGgufAlignment = 32;

struct GgufValue;

// Collects what stands before the tensor data. Setting a key twice is a bug of the caller.
class GgufHeader {
 public:
  void set_u16(std::string_view key, uint16_t value);
  void set_u32(std::string_view key, uint32_t value);
  void set_i32(std::string_view key, int32_t value);
  void set_u64(std::string_view key, uint64_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_i32s(std::string_view key, std::span<const int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  void copy(const GgufValue& value);  // as another file has it

  // `shape` is outermost first. unsupported: no such type; invalid: a shape it cannot hold.
  Status declare(std::string_view name, std::string_view ggml_type_name,
                 std::span<const int64_t> shape);

  // All bytes up to the first tensor, padded to the alignment.
  std::string encode() const;
  // Bytes of each declared tensor, without padding.
  std::span<const int64_t> tensor_bytes() const { return tensor_bytes_; }

 private:
  void key(std::string_view key, GgufType type);
  template <typename T>
  void number(std::string_view key, GgufType type, T value);
  void array(std::string_view key, GgufType type, size_t size);

  std::string values_;
  uint64_t values_count_ = 0;
  std::string tensors_;
  std::vector<int64_t> tensor_bytes_;
  uint64_t offset_ = 0;  // of the next tensor in the data section
};

class GgufWriter {
 public:
  static Result<GgufWriter> create(const std::string& path, const GgufHeader& header);
  // The next bytes of the tensors, in pieces of any size.
  Status write(std::span<const std::byte> bytes);
  Status finish();  // invalid when fewer bytes were written than declared

 private:
  AtomicFile file_;
  std::string path_;
  std::vector<int64_t> tensor_bytes_;
  size_t tensor_ = 0;    // the one being written
  int64_t written_ = 0;  // of it
};

}  // namespace hearth
