// Writes NumPy's .npy files, version 1.0: what `hearth logits` hands to other programs.
#pragma once

#include <span>
#include <string>

#include "hearth/base/status.h"

namespace hearth::cli {

// float32 [rows, columns], row-major, little endian.
Status write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                 int64_t columns);

}  // namespace hearth::cli
