// See audit_log.h.
#include "hearth/guard/audit/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/base/mapped_file.h"
#include "hearth/guard/audit/log_files.h"

namespace hearth::audit {
namespace {

constexpr int64_t kAhead = 1 << 20;  // bytes kept allocated
constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kDayMilliseconds = 1000 * kDaySeconds;

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Since 1970; 0: there is no such file.
int64_t day_of_last_write(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return 0;
  return static_cast<int64_t>(found.st_mtime) / kDaySeconds;
}

// The chain up to the end of a full file: its last line vouches for itself.
Status resume_behind(const std::string& path, Head& head) {
  TRY_ASSIGN(const MappedFile file, MappedFile::open(path));
  std::string_view text = text_of(file);
  if (!text.ends_with('\n')) return error(Code::corrupt, "{}: its last line is torn", path);
  text.remove_suffix(1);
  const size_t start = text.rfind('\n');
  head.hash.clear();
  auto last = follow_chain(text.substr(start == text.npos ? 0 : start + 1), head);
  if (!last) return std::move(last).status().at(path);
  return Status::ok();
}

}  // namespace

AuditLog::AuditLog(LogOptions options, std::optional<SigningKey> key)
    : options_(std::move(options)), signing_(std::move(key)) {}

Result<std::unique_ptr<AuditLog>> AuditLog::open(LogOptions options,
                                                 std::optional<SigningKey> key) {
  if (options.subjects_path.empty()) options.subjects_path = options.path + ".keys";
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options), std::move(key)));
  TRY(log->begin());
  return log;
}

Status AuditLog::begin() {
  TRY_ASSIGN(OpenFile lock, OpenFile::open(options_.path + ".lock", O_RDWR | O_CREAT));
  TRY(lock.lock());
  lock_ = std::move(lock);
  TRY_ASSIGN(subjects_, SubjectKeys::open(options_.subjects_path, SubjectKeys::Use::writer));
  TRY_ASSIGN(const int64_t torn, resume());
  Json first = {{"kind", "open"},
                {"version", options_.version},
                {"model", options_.model},
                {"sync", options_.sync == Sync::each ? "each" : "second"},
                {"keep_days", options_.keep_days}};
  if (signing_) first["public_key"] = signing_->public_key();
  if (torn > 0) first["torn_bytes"] = torn;
  {
    std::lock_guard hold(mutex_);
    TRY(write(std::move(first)));
    TRY(file_->sync());
    flushed_ = head_.seq;
    head_at_ = milliseconds_now();
    remove_old_files(head_at_);
  }
  thread_ = std::thread([this] { tend(); });
  return Status::ok();
}

Result<int64_t> AuditLog::resume() {
  TRY_ASSIGN(const LogFiles files, find_log_files(options_.path));
  files_ = files.last;
  if (!files.full.empty()) TRY(resume_behind(files.full.back(), head_));
  if (!files.current) {
    TRY(open_current(true));
    return 0;
  }
  TRY(open_current(false));
  TRY_ASSIGN(const MappedFile bytes, MappedFile::open(options_.path));
  day_ = day_of_last_write(options_.path);
  // Without the files before it, its first line says where the chain stands.
  if (files.full.empty()) head_.hash.clear();
  const Walked walked = walk_chain(text_of(bytes), head_);
  if (!walked.status.is_ok()) {
    return Status(walked.status).at(fmt::format("{}: line {}", options_.path, walked.lines + 1));
  }
  if (head_.hash.empty()) head_ = Head();
  if (walked.torn > 0) {
    TRY(file_->truncate(walked.bytes));
    TRY(file_->sync());
  }
  size_ = walked.bytes;
  return walked.torn;
}

Status AuditLog::open_current(bool fresh) {
  const int flags = fresh ? O_RDWR | O_CREAT | O_EXCL : O_RDWR;
  TRY_ASSIGN(OpenFile file, OpenFile::open(options_.path, flags));
  file_ = std::make_shared<OpenFile>(std::move(file));
  size_ = 0;
  reserved_ = 0;
  day_ = milliseconds_now() / kDayMilliseconds;
  if (fresh) sync_folder_of(options_.path);
  return Status::ok();
}

AuditLog::~AuditLog() {
  if (!thread_.joinable()) return;  // it was never open
  {
    std::lock_guard hold(stop_mutex_);
    stop_ = true;
  }
  stop_changed_.notify_one();
  thread_.join();
  std::lock_guard hold(mutex_);
  // Nobody is left to be told: a failure here shows as a chain whose last events no head signs.
  if (write_head().is_ok()) (void)file_->sync().is_ok();
}

int64_t AuditLog::events() const {
  std::lock_guard hold(mutex_);
  return head_.seq;
}

// Counts a lost event. One that is too long, or of one subject too many, says nothing of the disk:
// the next one may be written.
Status AuditLog::fail(Status why) {
  if (why.code() != Code::invalid && why.code() != Code::busy) ready_ = false;
  ++lost_;
  ++lost_total_;
  return why;
}

Status AuditLog::append(const Event& event) {
  int64_t seq = 0;
  {
    std::lock_guard hold(mutex_);
    if (broken_) {
      return fail(
          error(Code::internal, "{}: a flush failed before; restart to go on", options_.path));
    }
    auto sealed = subjects_->seal(event.subject(), sealed_json(event));
    Status status = sealed ? Status::ok() : std::move(sealed).status();
    if (status.is_ok()) {
      Json line = clear_json(event);
      line["subject"] = sealed->id;
      line["sealed"] = std::move(sealed->box);
      status = write(std::move(line));
    }
    if (!status.is_ok()) return fail(std::move(status));
    seq = head_.seq;
  }
  return options_.sync == Sync::each ? flush_until(seq) : Status::ok();
}

// An event, behind what is due before it: a new file, word of events that were lost.
Status AuditLog::write(Json event) {
  const int64_t now = milliseconds_now();
  TRY(rotate_if_due(now));
  if (lost_ > 0) {
    TRY(write_line({{"time", time_text(now)}, {"kind", "gap"}, {"lost", lost_}}));
    lost_ = 0;
  }
  Json line = {{"time", time_text(now)}};
  line.update(event);
  TRY(write_line(line));
  // The event stands; a head that doesn't fit now is due again with the next one.
  if (++since_head_ >= options_.head_events) (void)write_head().is_ok();
  return Status::ok();
}

Status AuditLog::write_line(const Json& event) {
  Head next = head_;
  TRY_ASSIGN(const std::string line, append_to_chain(event, next));
  const auto bytes = static_cast<int64_t>(line.size());
  // A failed reservation is the warning; the line itself may still fit.
  bool room = true;
  if (size_ + bytes + kAhead / 2 > reserved_) {
    room = file_->reserve(size_, size_ + bytes + kAhead);
    if (room) reserved_ = size_ + bytes + kAhead;
  }
  Status status = file_->write_at(size_, line);
  if (!status.is_ok()) {
    // What came of it goes again. If even that fails it is a torn line, which the next one at the
    // same place overwrites and a reader drops.
    (void)file_->truncate(size_).is_ok();
    return status;
  }
  size_ += bytes;
  head_ = std::move(next);
  ready_ = room;
  return Status::ok();
}

Status AuditLog::write_head() {
  if (!signing_) return Status::ok();
  const int64_t now = milliseconds_now();
  const std::string signature = signing_->sign(head_text(head_.seq, head_.hash));
  TRY(write_line({{"time", time_text(now)}, {"kind", "head"}, {"signature", signature}}));
  since_head_ = 0;
  head_at_ = now;
  return Status::ok();
}

Status AuditLog::rotate_if_due(int64_t now) {
  if (size_ == 0) return Status::ok();
  const bool full = size_ >= options_.file_bytes_max || now / kDayMilliseconds != day_;
  return full ? rotate() : Status::ok();
}

// A file is flushed before it takes its last name: what is full is on the disk.
Status AuditLog::rotate() {
  TRY(file_->truncate(size_));  // gives back what was reserved
  reserved_ = 0;
  Status flushed = file_->sync();
  if (!flushed.is_ok()) {
    broken_ = true;  // as in flush_until()
    return flushed;
  }
  const std::string full = full_file_name(options_.path, files_ + 1);
  if (std::rename(options_.path.c_str(), full.c_str()) != 0) {
    return error(Code::internal, "{}: cannot rename: {}", options_.path, std::strerror(errno));
  }
  const Status opened = open_current(true);
  if (!opened.is_ok()) {
    std::rename(full.c_str(), options_.path.c_str());
    return opened;
  }
  ++files_;
  remove_old_files(milliseconds_now());
  return Status::ok();
}

void AuditLog::remove_old_files(int64_t now) {
  if (options_.keep_days == 0) return;
  const auto files = find_log_files(options_.path);
  if (!files) return;
  // From the oldest on, so that what is left has no hole.
  for (const std::string& file : files->full) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) return;
    const int64_t age = now / 1000 - static_cast<int64_t>(found.st_mtime);
    if (age <= options_.keep_days * kDaySeconds || ::unlink(file.c_str()) != 0) return;
  }
}

// Whoever comes first flushes for all that have come by then; the others wait for the result.
Status AuditLog::flush_until(int64_t seq) {
  std::unique_lock hold(flush_mutex_);
  while (flushed_ < seq) {
    if (broken_) return error(Code::internal, "{}: cannot flush", options_.path);
    if (flushing_) {
      flushed_changed_.wait(hold);
      continue;
    }
    flushing_ = true;
    hold.unlock();
    std::shared_ptr<OpenFile> file;
    int64_t written = 0;
    {
      std::lock_guard writing(mutex_);
      file = file_;  // the ones before it were flushed when it was begun
      written = head_.seq;
    }
    const Status status = file->sync();
    hold.lock();
    flushing_ = false;
    if (status.is_ok() && !broken_) {  // a rotation may have heard of the failure in its place
      flushed_ = std::max(flushed_, written);
    } else {
      // After a failed flush the kernel may call lost pages clean: no second try can be believed.
      broken_ = true;
      ready_ = false;
    }
    flushed_changed_.notify_all();
    if (!status.is_ok()) return status;
  }
  return Status::ok();
}

void AuditLog::tend() {
  std::unique_lock hold(stop_mutex_);
  while (!stop_changed_.wait_for(hold, std::chrono::seconds(1), [this] { return stop_; })) {
    int64_t seq = 0;
    {
      std::lock_guard writing(mutex_);
      const double idle = static_cast<double>(milliseconds_now() - head_at_) / 1000;
      // What fails here fails again, and is told, with the next event.
      if (!broken_ && since_head_ > 0 && idle > options_.head_seconds) (void)write_head().is_ok();
      seq = head_.seq;
    }
    (void)flush_until(seq).is_ok();
  }
}

}  // namespace hearth::audit
