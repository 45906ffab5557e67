// Writes one .safetensors file as a stream: all tensors are declared first, then their bytes follow
// in that order, in pieces of any size. The file appears under its name when `finish` succeeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/atomic_file.h"

namespace hearth {

// Declare the types with the larger elements first, so that every tensor is aligned.
struct SafetensorsDeclaration {
  std::string name;
  std::string dtype;           // "F32", "BF16", "F8_E4M3", ...
  std::vector<int64_t> shape;  // outermost first
};

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

// The 8 length bytes and the padded JSON header; `data_bytes` receives what must follow.
Result<std::string> encode_safetensors_header(std::span<const SafetensorsDeclaration> tensors,
                                              const SafetensorsMetadata& metadata,
                                              int64_t* data_bytes);

class SafetensorsWriter {
 public:
  static Result<SafetensorsWriter> create(const std::string& path,
                                          std::span<const SafetensorsDeclaration> tensors,
                                          const SafetensorsMetadata& metadata = {{"format", "pt"}});
  Status write(std::span<const std::byte> bytes);
  Status finish();  // invalid when fewer bytes were written than declared

 private:
  AtomicFile file_;
  std::string path_;
  int64_t missing_ = 0;  // bytes declared and not yet written
};

}  // namespace hearth
