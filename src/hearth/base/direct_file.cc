// See direct_file.h. A direct read takes whole aligned pages around the bytes that are wanted.
#include "hearth/base/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hearth/base/check.h"

namespace hearth {

Result<std::shared_ptr<DirectFile>> DirectFile::open(const std::string& path, bool past_cache) {
  std::shared_ptr<DirectFile> file(new DirectFile());
  file->path_ = path;
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a FIFO must not hang
  if (past_cache) file->fd_ = ::open(path.c_str(), kFlags | O_DIRECT);
  file->direct_ = file->fd_ >= 0;
  if (file->fd_ < 0) file->fd_ = ::open(path.c_str(), kFlags);
  if (file->fd_ < 0) {
    const Code code = errno == ENOENT ? Code::not_found : Code::invalid;
    return error(code, "{}: cannot open: {}", path, std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file->fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    return error(Code::invalid, "{}: expected a regular file", path);
  }
  file->size_ = info.st_size;
  file->changed_s_ = info.st_mtim.tv_sec;
  file->changed_ns_ = info.st_mtim.tv_nsec;
  return file;
}

DirectFile::~DirectFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status DirectFile::check_unchanged() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) {
    return error(Code::corrupt, "{}: cannot stat: {}", path_, std::strerror(errno));
  }
  if (info.st_size != size_) {
    return error(Code::corrupt, "{}: changed while in use: expected {} bytes, found {}", path_,
                 size_, static_cast<int64_t>(info.st_size));
  }
  if (info.st_mtim.tv_sec != changed_s_ || info.st_mtim.tv_nsec != changed_ns_) {
    return error(Code::corrupt,
                 "{}: changed while in use: expected the bytes that were there at the start, found "
                 "a later time of change",
                 path_);
  }
  return Status::ok();
}

Result<const std::byte*> DirectFile::read(int64_t offset, int64_t bytes, std::byte* room) const {
  CHECK(offset >= 0 && bytes >= 0 && bytes <= INT64_MAX - offset - 2 * kAlignment);
  const int64_t skip = direct_ ? offset % kAlignment : 0;
  const int64_t wanted = skip + bytes;
  const int64_t asked = direct_ ? round_up(wanted, kAlignment) : wanted;
  int64_t done = 0;
  while (done < wanted) {
    const ssize_t got =
        ::pread(fd_, room + done, static_cast<size_t>(asked - done), offset - skip + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return error(Code::corrupt, "{}: cannot read {} bytes at {}: {}", path_, bytes, offset,
                   std::strerror(errno));
    }
    // A direct read ends between two pages only at the end of the file.
    if (got == 0 || (direct_ && done + got < wanted && got % kAlignment != 0)) {
      TRY(check_unchanged());
      return error(Code::corrupt, "{}: expected {} bytes at {}, could read {}", path_, bytes,
                   offset, std::max<int64_t>(0, done + got - skip));
    }
    done += got;
  }
  if (!direct_) ::posix_fadvise(fd_, offset, bytes, POSIX_FADV_DONTNEED);
  TRY(check_unchanged());
  return static_cast<const std::byte*>(room + skip);
}

}  // namespace hearth
