// A file that appears whole or not at all: bytes go to PATH.partial, `commit` flushes them to the
// disk and renames. Destroyed without commit, it removes what it wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth {

// Owner: the writer. Move-only; one thread at a time.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);

  AtomicFile() = default;
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  Status commit();

 private:
  std::string path_;
  std::string partial_;
  int fd_ = -1;
};

}  // namespace hearth
