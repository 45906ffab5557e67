// A half-open range of bytes of some text.
#pragma once

#include <cstdint>

namespace hearth {

struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;  // one past the last byte

  bool operator==(const ByteRange&) const = default;
};

}  // namespace hearth
