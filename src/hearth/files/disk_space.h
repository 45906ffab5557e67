// Refuses, before the first byte is written, what the disk can't hold.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/base/status.h"

namespace hearth {

// no_memory, here of the disk: `bytes` do not fit beside `path`.
Status check_disk(const std::string& path, int64_t bytes);

}  // namespace hearth
