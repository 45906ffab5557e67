// AuditLog: the writer of the chain. An event is acknowledged when `append` returns ok: from then
// on neither the end of this process at any instant (Sync::second) nor that of the machine
// (Sync::each) loses it.
//
// Plain files and not SQLite: the chain needs appending and no query; a reader needs twenty lines
// of any language, now and in ten years; one write a line is atomic enough, because the hash tells
// a torn line from a whole one; and nothing that rewrites pages ever touches what was acknowledged.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "hearth/base/status.h"
#include "hearth/guard/audit/chain.h"
#include "hearth/guard/audit/event.h"
#include "hearth/guard/audit/open_file.h"
#include "hearth/guard/audit/signing_key.h"
#include "hearth/guard/audit/subject_keys.h"

namespace hearth::audit {

// When bytes are flushed to the disk. each: before an event is acknowledged; events that come
// together share one flush. second: once a second, so that a power cut may lose the last second.
enum class Sync : uint8_t { each, second };

struct LogOptions {
  std::string path;
  std::string subjects_path;  // of the keys; "": PATH.keys
  Sync sync = Sync::each;
  int64_t file_bytes_max = 64 << 20;  // then a new file is begun; at most a day goes into one
  int64_t keep_days = 0;              // full files that are older are removed; 0: none
  int64_t head_events = 256;          // a signed head after so many events,
  double head_seconds = 60;           // and after so long with any
  std::string version, model;         // what the first line of a run says
};

// Thread-safe.
class AuditLog {
 public:
  // Goes on with the chain that stands at the path. A line that a crash cut short is dropped, and
  // the first line of this run says so. corrupt: a whole line is wrong (`hearth audit verify` says
  // which): nothing is appended to a chain that somebody changed. busy: another process has it.
  static Result<std::unique_ptr<AuditLog>> open(LogOptions options, std::optional<SigningKey> key);
  // Signs the last head and flushes.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Blocks until the event is acknowledged. An error: it is not in the log, and is counted there as
  // lost once the log can be written again.
  Status append(const Event& event);

  // False while the disk is full or fails: whoever must not serve unlogged asks before it begins.
  // A mebibyte is kept allocated ahead, so that what was begun before can still be told.
  bool ready() const { return ready_ && !broken_; }
  int64_t events() const;  // of all runs
  int64_t lost() const { return lost_total_; }

 private:
  AuditLog(LogOptions options, std::optional<SigningKey> key);
  Status begin();
  Result<int64_t> resume();  // bytes of a torn line that were dropped
  Status open_current(bool fresh);
  // With mutex_ held.
  Status write(Json event);
  Status write_line(const Json& event);
  Status write_head();
  Status rotate_if_due(int64_t now);
  Status rotate();
  void remove_old_files(int64_t now);
  Status fail(Status why);

  Status flush_until(int64_t seq);
  void tend();  // the thread: flushes, heads

  const LogOptions options_;
  const std::optional<SigningKey> signing_;
  std::unique_ptr<SubjectKeys> subjects_;
  std::optional<OpenFile> lock_;  // of the log as a whole: files come and go

  mutable std::mutex mutex_;
  std::shared_ptr<OpenFile> file_;
  Head head_;
  int64_t size_ = 0;        // of the file's whole lines
  int64_t reserved_ = 0;    // allocated up to here
  int64_t day_ = 0;         // of the file's first line, since 1970
  int files_ = 0;           // full ones, ever
  int64_t lost_ = 0;        // events, since the last that was written
  int64_t since_head_ = 0;  // events
  int64_t head_at_ = 0;     // milliseconds

  std::mutex flush_mutex_;
  std::condition_variable flushed_changed_;
  int64_t flushed_ = 0;  // events that are on the disk
  bool flushing_ = false;
  std::atomic<bool> broken_{false};  // a flush failed: what the disk has is unknown

  std::atomic<bool> ready_{true};
  std::atomic<int64_t> lost_total_{0};
  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hearth::audit
