// A whole regular file, mapped read-only. Refuses what must not be mapped (directory, FIFO, device)
// with a Status; an empty file maps to an empty span.
//
// Owner: whoever holds the MappedFile; spans into it live as long as it does. Thread-safe (const).
// A file that another process truncates while it is mapped raises SIGBUS on access; the loader
// therefore compares size() with the size before the first pass over the data (`unchanged()`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "hearth/base/file_range.h"
#include "hearth/base/status.h"

namespace hearth {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

  // Where bytes of this mapping lie in the file; nullopt: they are not of this mapping.
  std::optional<FileRange> range_of(const std::byte* begin, int64_t bytes) const;

  // corrupt when the file on disk no longer has the size that was mapped.
  Status unchanged() const;

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Tells the kernel that these bytes of a mapping are not needed for now: they leave memory and come
// back from the file on the next access. Content never changes; harmless for other memory.
void forget_pages(const std::byte* begin, int64_t bytes);

// The content of a small regular file (json, templates), refused beyond `bytes_max`.
Result<std::string> read_file(const std::string& path, int64_t bytes_max);

}  // namespace hearth
