// mmap behind a Result: every refusal names the path, what was expected and what was found.
#include "hearth/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hearth {
namespace {

// Closes the descriptor when the scope ends: a mapping outlives it.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "not a regular file";
}

// O_NONBLOCK: opening a FIFO without a writer must fail by its kind, not hang.
Result<int> open_regular(const std::string& path, struct stat* info) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const Code code = errno == ENOENT ? Code::not_found : Code::invalid;
    return error(code, "{}: cannot open: {}", path, std::strerror(errno));
  }
  Descriptor guard{fd};
  if (::fstat(fd, info) != 0) {
    return error(Code::internal, "{}: cannot stat: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info->st_mode)) {
    return error(Code::invalid, "{}: expected a regular file, found {}", path,
                 kind_of(info->st_mode));
  }
  guard.fd = -1;
  return fd;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  struct stat info {};
  TRY_ASSIGN(const int fd, open_regular(path, &info));
  const Descriptor guard{fd};
  MappedFile file;
  file.path_ = path;
  file.size_ = static_cast<size_t>(info.st_size);
  if (file.size_ == 0) return file;
  void* mapping = ::mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED) {
    return error(Code::internal, "{}: cannot map {} bytes: {}", path, file.size_,
                 std::strerror(errno));
  }
  file.data_ = static_cast<const std::byte*>(mapping);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::optional<FileRange> MappedFile::range_of(const std::byte* begin, int64_t bytes) const {
  const auto first = reinterpret_cast<uintptr_t>(data_);
  const auto at = reinterpret_cast<uintptr_t>(begin);
  if (data_ == nullptr || at < first || at - first > size_) return std::nullopt;
  if (static_cast<size_t>(bytes) > size_ - (at - first)) return std::nullopt;
  return FileRange{path_, static_cast<int64_t>(at - first), bytes};
}

Status MappedFile::unchanged() const {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    return error(Code::not_found, "{}: vanished while in use: {}", path_, std::strerror(errno));
  }
  if (static_cast<size_t>(info.st_size) != size_) {
    return error(Code::corrupt, "{}: changed while in use: expected {} bytes, found {}", path_,
                 size_, info.st_size);
  }
  return Status::ok();
}

void forget_pages(const std::byte* begin, int64_t bytes) {
  // Whole pages inside the range only: its borders may belong to neighbours that are in use.
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const auto to =
      (reinterpret_cast<uintptr_t>(begin) + static_cast<uintptr_t>(bytes)) / page * page;
  // MADV_PAGEOUT and not MADV_DONTNEED: the latter would zero memory that is no file's.
  if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_PAGEOUT);
}

Result<std::string> read_file(const std::string& path, int64_t bytes_max) {
  struct stat info {};
  TRY_ASSIGN(const int fd, open_regular(path, &info));
  const Descriptor guard{fd};
  if (info.st_size > bytes_max) {
    return error(Code::corrupt, "{}: expected at most {} bytes, found {}", path, bytes_max,
                 info.st_size);
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(fd, content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return error(Code::corrupt, "{}: expected {} bytes, could read {}", path, content.size(),
                   done);
    }
    done += static_cast<size_t>(got);
  }
  return content;
}

}  // namespace hearth
