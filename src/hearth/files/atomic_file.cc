// write, fsync, rename, fsync of the folder: the order that survives a power cut.
#include "hearth/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace hearth {

Result<AtomicFile> AtomicFile::create(const std::string& path, mode_t mode) {
  AtomicFile file;
  file.path_ = path;
  file.partial_ = path + ".partial";
  const char* partial = file.partial_.c_str();
  struct stat found {};
  if (::lstat(partial, &found) == 0 && S_ISREG(found.st_mode)) ::unlink(partial);
  // O_EXCL: whatever still lies there, or came back, is neither followed nor written to.
  file.fd_ = ::open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file.fd_ < 0 || (mode != kDefaultMode && ::fchmod(file.fd_, mode) != 0)) {
    return error(Code::invalid, "{}: cannot create: {}", file.partial_, std::strerror(errno));
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::move(other.partial_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(partial_, other.partial_);
  std::swap(fd_, other.fd_);
  return *this;
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(partial_.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  CHECK(fd_ >= 0);
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      return error(Code::internal, "{}: cannot write: {}", partial_, std::strerror(errno));
    }
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return Status::ok();
}

Status AtomicFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text.data(), text.size())));
}

Status AtomicFile::commit() {
  CHECK(fd_ >= 0);
  const bool flushed = ::fsync(fd_) == 0;
  const bool closed = ::close(std::exchange(fd_, -1)) == 0;
  if (!flushed || !closed || std::rename(partial_.c_str(), path_.c_str()) != 0) {
    const int cause = errno;
    ::unlink(partial_.c_str());
    return error(Code::internal, "{}: cannot write: {}", path_, std::strerror(cause));
  }
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);  // best effort: some file systems refuse to sync a folder
    ::close(fd);
  }
  return Status::ok();
}

Status write_whole(const std::string& path, std::string_view text, mode_t mode) {
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path, mode));
  TRY(file.write(text));
  return file.commit();
}

}  // namespace hearth
