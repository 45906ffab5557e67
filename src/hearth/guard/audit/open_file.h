// An open file by its descriptor, with the few calls of the system that the audit log is made of:
// each returns a Status that names the path, and none writes half of what it was given unsaid.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::audit {

// Owner of the descriptor. Move-only.
class OpenFile {
 public:
  // Flags as of open(2). Made with mode 0600. Refuses what is no plain file.
  static Result<OpenFile> open(const std::string& path, int flags);

  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&& other) noexcept;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  const std::string& path() const { return path_; }
  Result<int64_t> size() const;
  // corrupt: the file ends before.
  Status read_at(int64_t offset, char* out, size_t bytes) const;
  // On an error some of it may have been written.
  Status write_at(int64_t offset, std::string_view bytes);
  Status truncate(int64_t size);
  Status sync();
  // Space on the disk for bytes up to `end`, without a change of the size. False: there is none.
  // True too where the file system can't reserve.
  bool reserve(int64_t begin, int64_t end);
  // busy: another process has it.
  Status lock();

 private:
  OpenFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status failed(std::string_view what) const;

  std::string path_;
  int fd_ = -1;
};

// The entry of a file in its folder, flushed; best effort, some file systems refuse it.
void sync_folder_of(const std::string& path);

}  // namespace hearth::audit
