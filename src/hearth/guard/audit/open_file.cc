// See open_file.h.
#include "hearth/guard/audit/open_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace hearth::audit {

Result<OpenFile> OpenFile::open(const std::string& path, int flags) {
  // O_NONBLOCK: a FIFO answers at once and is refused below.
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR);
  if (fd < 0) {
    const Code code = errno == ENOENT ? Code::not_found : Code::invalid;
    return error(code, "{}: cannot open: {}", path, std::strerror(errno));
  }
  OpenFile file(path, fd);
  struct stat found {};
  if (::fstat(fd, &found) != 0) return file.failed("read");
  if (!S_ISREG(found.st_mode)) return error(Code::invalid, "{}: expected a plain file", path);
  return file;
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status OpenFile::failed(std::string_view what) const {
  return error(Code::internal, "{}: cannot {}: {}", path_, what, std::strerror(errno));
}

Result<int64_t> OpenFile::size() const {
  struct stat found {};
  if (::fstat(fd_, &found) != 0) return failed("read");
  return static_cast<int64_t>(found.st_size);
}

Status OpenFile::read_at(int64_t offset, char* out, size_t bytes) const {
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_, out, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read");
    if (got == 0) return error(Code::corrupt, "{}: it ends early", path_);
    out += got;
    bytes -= static_cast<size_t>(got);
    offset += got;
  }
  return Status::ok();
}

Status OpenFile::write_at(int64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed("write");
    bytes.remove_prefix(static_cast<size_t>(done));
    offset += done;
  }
  return Status::ok();
}

Status OpenFile::truncate(int64_t size) {
  if (::ftruncate(fd_, size) != 0) return failed("cut");
  return Status::ok();
}

Status OpenFile::sync() {
  if (::fdatasync(fd_) != 0) return failed("flush");
  return Status::ok();
}

bool OpenFile::reserve(int64_t begin, int64_t end) {
  return ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, begin, end - begin) == 0 || errno == EOPNOTSUPP;
}

Status OpenFile::lock() {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return Status::ok();
  if (errno != EWOULDBLOCK) return failed("lock");
  return error(Code::busy, "{}: another process writes to it", path_);
}

void sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace hearth::audit
