// A file that appears whole or not at all: bytes go to PATH.partial, `commit` flushes them to the
// disk and renames. Destroyed without commit, it removes what it wrote.
#pragma once

#include <sys/types.h>

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
  static constexpr mode_t kDefaultMode = 0644;

  // With the default `mode` the process's umask has its say, any other is set exactly. A left-over
  // PATH.partial is taken away first: neither its permissions nor who has it open live on.
  // invalid: it can't be created, or what lies at PATH.partial is no plain file.
  static Result<AtomicFile> create(const std::string& path, mode_t mode = kDefaultMode);

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

// A whole text at once.
Status write_whole(const std::string& path, std::string_view text,
                   mode_t mode = AtomicFile::kDefaultMode);

}  // namespace hearth
