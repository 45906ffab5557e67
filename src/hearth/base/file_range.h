// A piece of a file, by name: what is read later, and again and again, instead of being mapped.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

struct FileRange {
  std::string path;
  int64_t offset = 0;  // of its first byte
  int64_t bytes = 0;   // 0: there is nothing

  bool empty() const { return bytes == 0; }
};

}  // namespace hearth
