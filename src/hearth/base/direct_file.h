// A regular file that is read in large pieces past the page cache, so that what is read once does
// not push out what is needed often. A file system without direct reads is read through the cache,
// whose pages are then let go.
//
// Thread-safe (const): any number of reads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "hearth/base/checked_math.h"
#include "hearth/base/status.h"

namespace hearth {

class DirectFile {
 public:
  static constexpr int64_t kAlignment = 4096;  // of direct reads: offset, length, memory

  // not_found, invalid: no regular file that may be read. `past_cache`: false is for tests.
  static Result<std::shared_ptr<DirectFile>> open(const std::string& path, bool past_cache = true);
  ~DirectFile();
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;

  const std::string& path() const { return path_; }

  // Memory that `read` wants for so many bytes, aligned to kAlignment.
  static int64_t room_bytes(int64_t bytes) { return round_up(bytes, kAlignment) + kAlignment; }

  // Reads [offset, offset + bytes) into `room`; they begin at the returned place in it. corrupt:
  // the file is no longer the one that was opened (its length or its time of change), or the disk
  // fails.
  Result<const std::byte*> read(int64_t offset, int64_t bytes, std::byte* room) const;

 private:
  DirectFile() = default;
  Status check_unchanged() const;

  std::string path_;
  int fd_ = -1;
  bool direct_ = false;
  int64_t size_ = 0;
  int64_t changed_s_ = 0, changed_ns_ = 0;  // when it was opened
};

}  // namespace hearth
