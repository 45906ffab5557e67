// See store_folder.h.
#include "hearth/store/store_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/safe_name.h"

namespace hearth::store {
namespace {

constexpr size_t kNamesMax = 10'000;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Status failed(const std::string& path, const char* what) {
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return error(full ? Code::no_memory : Code::internal, "{}: cannot {}: {}", path, what,
               std::strerror(errno));
}

// What open() of a part without following links says.
Status cannot_open(const std::string& path) {
  if (errno == ENOENT) return error(Code::not_found, "{}: no such file or folder", path);
  if (errno == ELOOP || errno == ENOTDIR) {
    return error(Code::corrupt, "{}: expected a plain file or folder, found a link or another kind",
                 path);
  }
  return error(Code::invalid, "{}: cannot open: {}", path, std::strerror(errno));
}

std::string joined(const std::string& folder, std::string_view name) {
  return fmt::format("{}/{}", folder, excerpt(name, 300));
}

}  // namespace

FileHandle::FileHandle(FileHandle&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

Result<int64_t> FileHandle::size() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return failed(path_, "stat");
  return int64_t{info.st_size};
}

Status FileHandle::write(int64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(path_, "write");
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
  return Status::ok();
}

Result<int64_t> FileHandle::read(int64_t offset, std::span<std::byte> bytes) const {
  int64_t sum = 0;
  while (!bytes.empty()) {
    const ssize_t done = ::pread(fd_, bytes.data(), bytes.size(), offset + sum);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(path_, "read");
    if (done == 0) break;
    bytes = bytes.subspan(static_cast<size_t>(done));
    sum += done;
  }
  return sum;
}

Status FileHandle::cut(int64_t bytes) const {
  return ::ftruncate(fd_, bytes) == 0 ? Status::ok() : failed(path_, "cut");
}

Status FileHandle::flush() const {
  return ::fsync(fd_) == 0 ? Status::ok() : failed(path_, "flush");
}

Result<StoreFolder> StoreFolder::open(const std::string& path, bool create) {
  std::error_code failure;
  if (create) std::filesystem::create_directories(path, failure);
  if (failure) return error(Code::invalid, "{}: cannot create: {}", path, failure.message());
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return cannot_open(path);
  return StoreFolder(FileHandle(fd, path));
}

Result<StoreFolder> StoreFolder::below(std::string_view path, bool create) const {
  TRY(check_relative_path(path));
  FileHandle at(::fcntl(folder_.fd(), F_DUPFD_CLOEXEC, 0), folder_.path());
  if (at.fd() < 0) return failed(folder_.path(), "open");
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part(path.substr(begin, end - begin));
    std::string place = joined(at.path(), part);
    if (create && ::mkdirat(at.fd(), part.c_str(), 0777) != 0 && errno != EEXIST) {
      return failed(place, "create");
    }
    const int fd = ::openat(at.fd(), part.c_str(), kFolderFlags);
    if (fd < 0) return cannot_open(place);
    at = FileHandle(fd, std::move(place));
    begin = end + 1;
  }
  return StoreFolder(std::move(at));
}

Result<FileHandle> StoreFolder::open_file(std::string_view path, int flags) const {
  TRY(check_relative_path(path));
  const size_t slash = path.rfind('/');
  if (slash != path.npos) {
    TRY_ASSIGN(const StoreFolder folder, below(path.substr(0, slash), (flags & O_CREAT) != 0));
    return folder.open_file(path.substr(slash + 1), flags);
  }
  const std::string place = joined(folder_.path(), path);
  // Not blocking: what lies there may be a FIFO.
  const int fd = ::openat(folder_.fd(), std::string(path).c_str(),
                          flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd < 0) return cannot_open(place);
  FileHandle file(fd, place);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return failed(place, "stat");
  if (S_ISREG(info.st_mode)) return file;
  return error(Code::corrupt, "{}: expected a plain file, found another kind", place);
}

Result<std::string> StoreFolder::read_text(std::string_view path, int64_t bytes_max) const {
  TRY_ASSIGN(const FileHandle file, open_file(path, O_RDONLY));
  TRY_ASSIGN(const int64_t bytes, file.size());
  if (bytes > bytes_max) {
    return error(Code::corrupt, "{}: expected at most {} bytes, found {}", file.path(), bytes_max,
                 bytes);
  }
  std::string text(static_cast<size_t>(bytes), '\0');
  TRY_ASSIGN(const int64_t got, file.read(0, std::as_writable_bytes(std::span(text))));
  text.resize(static_cast<size_t>(got));
  return text;
}

Result<std::optional<int64_t>> StoreFolder::size_of(std::string_view path) const {
  auto file = open_file(path, O_RDONLY);
  if (!file) {
    if (file.status().code() == Code::not_found) return std::optional<int64_t>();
    return std::move(file).status();
  }
  TRY_ASSIGN(const int64_t bytes, file->size());
  return std::optional<int64_t>(bytes);
}

Status StoreFolder::rename(const std::string& from, const std::string& to) const {
  const bool done = ::renameat(folder_.fd(), from.c_str(), folder_.fd(), to.c_str()) == 0;
  return done ? Status::ok() : failed(joined(folder_.path(), to), "rename");
}

Status StoreFolder::link(const StoreFolder& from, std::string_view name,
                         std::string_view to) const {
  const bool done = ::linkat(from.folder_.fd(), std::string(name).c_str(), folder_.fd(),
                             std::string(to).c_str(), 0) == 0;
  return done || errno == EEXIST ? Status::ok() : failed(joined(folder_.path(), to), "link");
}

Status StoreFolder::remove_file(std::string_view path) const {
  TRY(check_relative_path(path));
  const size_t slash = path.rfind('/');
  if (slash != path.npos) {
    auto folder = below(path.substr(0, slash), false);
    if (!folder && folder.status().code() == Code::not_found) return Status::ok();
    if (!folder) return std::move(folder).status();
    return folder->remove_file(path.substr(slash + 1));
  }
  const bool gone = ::unlinkat(folder_.fd(), std::string(path).c_str(), 0) == 0;
  return gone || errno == ENOENT ? Status::ok() : failed(joined(folder_.path(), path), "remove");
}

Status StoreFolder::remove_tree(std::string_view name) const {
  TRY(check_relative_path(name));
  std::error_code failure;
  // Removes links, never what they point at.
  std::filesystem::remove_all(folder_.path() + "/" + std::string(name), failure);
  if (!failure) return Status::ok();
  return error(Code::internal, "{}: cannot remove: {}", joined(folder_.path(), name),
               failure.message());
}

std::vector<std::string> StoreFolder::names() const {
  std::vector<std::string> out;
  const int fd = ::openat(folder_.fd(), ".", kFolderFlags);
  if (fd < 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> listed(::fdopendir(fd), ::closedir);
  if (listed == nullptr) {
    ::close(fd);
    return out;
  }
  while (const dirent* entry = ::readdir(listed.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && out.size() < kNamesMax) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Status StoreFolder::flush() const {
  ::fsync(folder_.fd());  // best effort: some file systems refuse to sync a folder
  return Status::ok();
}

Result<ModelLock> ModelLock::take(const StoreFolder& home, const std::string& model) {
  TRY_ASSIGN(const StoreFolder locks, home.below("locks", true));
  TRY_ASSIGN(FileHandle file, locks.open_file(model, O_RDWR | O_CREAT));
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    std::string holder(32, '\0');
    const auto got = file.read(0, std::as_writable_bytes(std::span(holder)));
    holder.resize(got ? static_cast<size_t>(*got) : 0);
    return error(Code::busy, "{}: another process ({}) is working on this model", model,
                 excerpt(holder.substr(0, holder.find('\n')), 30));
  }
  const std::string owner = fmt::format("process {}\n", ::getpid());
  TRY(file.cut(0));
  TRY(file.write(0, std::as_bytes(std::span(owner))));
  return ModelLock(std::move(file));
}

}  // namespace hearth::store
