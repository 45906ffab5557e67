// A large file that survives the death of its writer. Its bytes go to PATH.partial at their final
// offsets; PATH.journal says, a line each, which pieces are done. A later run of the same job finds
// both and goes on; the file gets its name when all is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

// Owner: the writer. Move-only; one thread at a time. Destroyed without `commit` or `discard` it
// leaves both files for the next run.
class PartialFile {
 public:
  // `job` (one line) names everything that decides the bytes: a journal of another job is thrown
  // away. busy: another process is writing this file.
  static Result<PartialFile> open(const std::string& path, const std::string& job, int64_t bytes);

  PartialFile() = default;
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&& other) noexcept;
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  // What earlier runs recorded, in order. Lines are as trustworthy as the disk: check the bytes.
  const std::vector<std::string>& recorded() const { return recorded_; }

  Status write(int64_t offset, std::span<const std::byte> bytes);
  Status read(int64_t offset, std::span<std::byte> bytes) const;
  Status record(std::string_view line);  // appends a line to the journal
  Status commit();                       // flushes to the disk and renames
  void discard();                        // removes both files

 private:
  Status open_files(const std::string& job, int64_t bytes);

  std::string path_;
  int file_ = -1;
  int journal_ = -1;
  std::vector<std::string> recorded_;
};

}  // namespace hearth
