// The lock lies on the journal, which exists exactly as long as the job.
#include "hearth/convert/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "hearth/base/mapped_file.h"
#include "hearth/files/disk_space.h"

namespace hearth {
namespace {

constexpr int64_t kJournalMax = int64_t{256} << 20;
constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;

std::string partial_name(const std::string& path) {
  return path + ".partial";
}
std::string journal_name(const std::string& path) {
  return path + ".journal";
}

Status failed(const std::string& path, const char* what) {
  return error(Code::internal, "{}: cannot {}: {}", path, what, std::strerror(errno));
}

// Whole lines only: the last one may have been cut by the writer's death.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0;;) {
    const size_t end = text.find('\n', begin);
    if (end == text.npos) return lines;
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

}  // namespace

Result<PartialFile> PartialFile::open(const std::string& path, const std::string& job,
                                      int64_t bytes) {
  PartialFile out;
  out.path_ = path;
  TRY(out.open_files(job, bytes));
  return out;
}

Status PartialFile::open_files(const std::string& job, int64_t bytes) {
  const std::string partial = partial_name(path_);
  const std::string journal = journal_name(path_);
  journal_ = ::open(journal.c_str(), kFlags, 0644);
  if (journal_ < 0) {
    return error(Code::invalid, "{}: cannot create: {}", journal, std::strerror(errno));
  }
  if (::flock(journal_, LOCK_EX | LOCK_NB) != 0) {
    return error(Code::busy, "{}: another process is writing this file", path_);
  }
  file_ = ::open(partial.c_str(), kFlags, 0644);
  if (file_ < 0) {
    return error(Code::invalid, "{}: cannot create: {}", partial, std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file_, &info) != 0) return failed(partial, "stat");
  const int64_t written = int64_t{info.st_blocks} * 512;
  TRY(check_disk(path_, std::max<int64_t>(0, bytes - written)));

  TRY_ASSIGN(const std::string text, read_file(journal, kJournalMax));
  std::vector<std::string> lines = lines_of(text);
  const bool same_job = !lines.empty() && lines[0] == job;
  if (!same_job) {
    if (::ftruncate(file_, 0) != 0) return failed(partial, "cut");
    lines = {job};
  }
  if (::ftruncate(file_, bytes) != 0) return failed(partial, "extend");
  if (::ftruncate(journal_, 0) != 0) return failed(journal, "cut");
  for (const std::string& line : lines) TRY(record(line));
  recorded_.assign(lines.begin() + 1, lines.end());
  return Status::ok();
}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      journal_(std::exchange(other.journal_, -1)),
      recorded_(std::move(other.recorded_)) {}

PartialFile& PartialFile::operator=(PartialFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(journal_, other.journal_);
  std::swap(recorded_, other.recorded_);
  return *this;
}

PartialFile::~PartialFile() {
  if (file_ >= 0) ::close(file_);
  if (journal_ >= 0) ::close(journal_);
}

Status PartialFile::write(int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(file_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(partial_name(path_), "write");
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
  return Status::ok();
}

Status PartialFile::read(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t done = ::pread(file_, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return failed(partial_name(path_), "read");
    bytes = bytes.subspan(static_cast<size_t>(done));
    offset += done;
  }
  return Status::ok();
}

Status PartialFile::record(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  std::string_view rest = whole;
  while (!rest.empty()) {
    const ssize_t done = ::write(journal_, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(journal_name(path_), "write");
    rest.remove_prefix(static_cast<size_t>(done));
  }
  return Status::ok();
}

Status PartialFile::commit() {
  if (::fsync(file_) != 0) return failed(partial_name(path_), "flush");
  if (std::rename(partial_name(path_).c_str(), path_.c_str()) != 0) {
    return failed(path_, "rename");
  }
  ::unlink(journal_name(path_).c_str());
  return Status::ok();
}

void PartialFile::discard() {
  ::unlink(partial_name(path_).c_str());
  ::unlink(journal_name(path_).c_str());
}

}  // namespace hearth
