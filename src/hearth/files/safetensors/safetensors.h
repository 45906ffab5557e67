// One .safetensors file: a JSON header, then the bytes of all tensors. The reader holds it to every
// rule of the format (docs/formats/safetensors.md) before anything looks at a tensor.
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
#include "hearth/files/tensor_table.h"

namespace hearth {

inline constexpr int64_t kSafetensorsHeaderMax = 100'000'000;  // as the reference implementation

// Owner of the mapping that its tensors point into. Thread-safe (const). Tensors whose bytes are
// not aligned to their element (old writers did not pad the header) are copied to aligned memory.
class Safetensors {
 public:
  static Result<Safetensors> open(const std::string& path);
  // The same from memory that outlives the result; messages carry no path.
  static Result<Safetensors> parse(std::span<const std::byte> bytes);

  std::span<const TensorEntry> tensors() const { return table_.entries(); }
  const TensorEntry* find(std::string_view name) const { return table_.find(name); }
  std::span<const std::pair<std::string, std::string>> metadata() const { return metadata_; }

  // See MappedFile; nullopt for the copy of a tensor that lies misaligned in the file.
  std::optional<FileRange> range_of(const std::byte* begin, int64_t bytes) const {
    return file_.range_of(begin, bytes);
  }
  // corrupt when the file changed its size since it was mapped.
  Status unchanged() const { return file_.unchanged(); }

 private:
  Status read(std::span<const std::byte> bytes);

  MappedFile file_;
  TensorTable table_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<Buffer> aligned_copies_;
};

// A type of the safetensors format; F4 and F6 are smaller than a byte.
struct SafetensorsType {
  std::string_view name;
  int64_t bits;
  std::optional<Format> format;
};
const SafetensorsType* safetensors_type(std::string_view name);  // nullptr: unknown
// The name that the format gives to `format`; nullopt for block formats, which it cannot hold.
std::optional<std::string_view> safetensors_type_name(Format format);

}  // namespace hearth
