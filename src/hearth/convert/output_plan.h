// What a conversion will write, decided before the first byte: a header, then each tensor at its
// offset. GGUF and safetensors are both of this shape, so one writer serves them.
#pragma once

#include <string>
#include <vector>

#include "hearth/convert/source_tensor.h"

namespace hearth {

struct OutputTensor {
  SourceTensor source;
  Format format = Format::f32;
  int64_t offset = 0;  // in the file
  int64_t bytes = 0;
};

struct OutputPlan {
  std::string header;
  std::vector<OutputTensor> tensors;  // by offset; zeros fill the gaps
  int64_t file_bytes = 0;
  int64_t parameters = 0;
  std::vector<std::string> notices;  // lines that the user should read
};

}  // namespace hearth
