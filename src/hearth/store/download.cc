// See download.h.
#include "hearth/store/download.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/block_hash.h"

namespace hearth::store {
namespace {

constexpr int64_t kProgressThatCounts = int64_t{1} << 20;
constexpr size_t kReadBytes = size_t{1} << 20;
constexpr int64_t kStateBytesMax = 1024;

void tell(const TransferEvents& events, const std::string& line) {
  if (events.notice) events.notice(line);
}

// false: stopped meanwhile.
bool wait(const HttpClient& client, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    if (client.options().stopped && client.options().stopped()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

// A file on its way. The state beside it (PATH.partial.state: the expected checksum, the ETag)
// tells whether it is the same content and lets the server tell, too.
class Transfer {
 public:
  Transfer(const RepoFile& file, const StoreFolder& folder, const TransferEvents& events)
      : file_(file), folder_(folder), events_(events), hasher_(file.bytes) {}

  Status open();  // takes up what is there
  Status begin_again();
  Status discard();  // nothing of it is kept
  HttpOutcome attempt(HttpClient& client, const std::string& url, const std::string& token);
  // The record of the whole file under its name, or corrupt: the checksum is another.
  Result<FileRecord> finish();

  int64_t bytes() const { return hasher_.bytes(); }
  bool resumed() const { return resumed_; }
  const std::string& etag() const { return etag_; }

 private:
  Status take_head(const HttpHead& head);
  Status take_body(std::span<const std::byte> bytes);
  Status save_state();
  const std::string& wanted_hash() const {
    return file_.sha256.empty() ? file_.git_sha1 : file_.sha256;
  }
  std::string partial_name() const { return file_.path + ".partial"; }
  std::string state_name() const { return file_.path + ".partial.state"; }
  void advance(int64_t bytes) {
    if (events_.advanced) events_.advanced(bytes);
  }

  const RepoFile& file_;
  const StoreFolder& folder_;
  const TransferEvents& events_;
  BlockHasher hasher_;
  FileHandle partial_;
  std::string etag_;
  bool resumed_ = false;  // some bytes come from an earlier run
};

Status Transfer::save_state() {
  TRY_ASSIGN(const FileHandle state, folder_.open_file(state_name(), O_RDWR | O_CREAT));
  TRY(state.cut(0));
  const std::string text = fmt::format("{}\n{}\n", wanted_hash(), etag_);
  return state.write(0, std::as_bytes(std::span(text)));
}

Status Transfer::open() {
  auto state = folder_.read_text(state_name(), kStateBytesMax);
  if (!state && state.status().code() != Code::not_found) return std::move(state).status();
  TRY_ASSIGN(partial_, folder_.open_file(partial_name(), O_RDWR | O_CREAT));
  TRY_ASSIGN(const int64_t present, partial_.size());
  const std::string text = state ? *state : "";
  const size_t line = text.find('\n');
  const bool same = line != text.npos && text.substr(0, line) == wanted_hash();
  if (!same || present > file_.bytes) return begin_again();
  etag_ = text.substr(line + 1);
  etag_ = etag_.substr(0, etag_.find('\n'));
  const bool plain = std::all_of(etag_.begin(), etag_.end(), [](char c) { return c > 0x20; });
  if (!plain || !etag_.starts_with('"')) etag_.clear();
  std::vector<std::byte> buffer(kReadBytes);
  while (hasher_.bytes() < present) {
    TRY_ASSIGN(const int64_t got, partial_.read(hasher_.bytes(), buffer));
    if (got == 0) break;
    hasher_.update(std::span(buffer).first(static_cast<size_t>(got)));
  }
  resumed_ = hasher_.bytes() > 0;
  advance(hasher_.bytes());
  return Status::ok();
}

Status Transfer::begin_again() {
  advance(-hasher_.bytes());
  hasher_ = BlockHasher(file_.bytes);
  etag_.clear();
  resumed_ = false;
  TRY(partial_.cut(0));
  return save_state();
}

Status Transfer::discard() {
  advance(-hasher_.bytes());
  TRY(folder_.remove_file(partial_name()));
  return folder_.remove_file(state_name());
}

Status Transfer::take_head(const HttpHead& head) {
  const int64_t from = head.status == 206 ? head.range_begin : 0;
  const int64_t total = head.status == 206 ? head.range_total : head.length;
  if (total >= 0 && total != file_.bytes) {
    return error(Code::corrupt, "expected {} bytes, the server has {}", file_.bytes, total);
  }
  if (head.status == 206 && from != bytes()) {
    return error(Code::corrupt, "asked for the bytes from {}, the server sends those from {}",
                 bytes(), from);
  }
  // The whole file although the rest was asked for: the server knows no ranges, or has another
  // file.
  if (head.status == 200 && bytes() > 0) {
    tell(events_, fmt::format("{}: the server begins at the start again", file_.path));
    TRY(begin_again());
  }
  if (etag_ == head.etag) return Status::ok();
  etag_ = head.etag;
  return save_state();
}

Status Transfer::take_body(std::span<const std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > file_.bytes - hasher_.bytes()) {
    return error(Code::corrupt, "expected {} bytes, the server sends more", file_.bytes);
  }
  TRY(partial_.write(hasher_.bytes(), bytes));
  hasher_.update(bytes);
  advance(size);
  return Status::ok();
}

HttpOutcome Transfer::attempt(HttpClient& client, const std::string& url,
                              const std::string& token) {
  if (bytes() == file_.bytes) return {Status::ok()};
  const HttpRequest request{url, token, bytes(), 0, etag_};
  HttpOutcome outcome = client.send(
      request, [&](const HttpHead& head) { return take_head(head); },
      [&](std::span<const std::byte> bytes) { return take_body(bytes); });
  if (outcome.status.is_ok() && bytes() < file_.bytes) {
    outcome.status =
        error(Code::internal, "the connection ended after {} of {} bytes", bytes(), file_.bytes);
    outcome.may_retry = true;
  }
  return outcome;
}

Result<FileRecord> Transfer::finish() {
  FileRecord out;
  out.path = file_.path;
  out.bytes = hasher_.bytes();
  FileHashes hashes = hasher_.finish();
  out.sha256 = hashes.sha256;
  if (hashes.blocks.size() > 1) out.blocks = std::move(hashes.blocks);
  out.checked = file_.sha256.empty() ? "git-sha1" : "sha256";
  const std::string& found = file_.sha256.empty() ? hashes.git_sha1 : hashes.sha256;
  if (found != wanted_hash()) {
    return error(Code::corrupt, "expected {} {}, found {}", out.checked, wanted_hash(), found);
  }
  TRY(partial_.flush());
  const size_t slash = file_.path.rfind('/');
  const std::string name = file_.path.substr(slash + 1);
  if (slash == file_.path.npos) {
    TRY(folder_.rename(name + ".partial", name));
    TRY(folder_.flush());
  } else {
    TRY_ASSIGN(const StoreFolder below, folder_.below(file_.path.substr(0, slash), false));
    TRY(below.rename(name + ".partial", name));
    TRY(below.flush());
  }
  TRY(folder_.remove_file(state_name()));
  return out;
}

}  // namespace

Status with_retries(const HttpClient& client, const TransferOptions& options,
                    const TransferEvents& events, const std::string& what,
                    const std::function<HttpOutcome()>& attempt,
                    const std::function<int64_t()>& progress) {
  int failures = 0;
  for (;;) {
    const int64_t before = progress();
    HttpOutcome outcome = attempt();
    if (outcome.status.is_ok()) return Status::ok();
    if (!outcome.may_retry) return std::move(outcome.status).at(what);
    if (progress() - before >= kProgressThatCounts) failures = 0;
    if (++failures > options.retries) return std::move(outcome.status).at(what);
    const double pause = std::max(outcome.retry_after,
                                  options.retry_seconds * static_cast<double>(1 << (failures - 1)));
    tell(events, fmt::format("{}: {}; again in {:.0f} s ({} of {})", what, outcome.status.message(),
                             pause, failures, options.retries));
    if (!wait(client, pause)) return error(Code::cancelled, "stopped");
  }
}

Result<FileRecord> download_file(HttpClient& client, const std::string& url,
                                 const std::string& token, const RepoFile& file,
                                 const StoreFolder& folder, const TransferOptions& options,
                                 const TransferEvents& events) {
  Transfer transfer(file, folder, events);
  TRY(transfer.open());
  for (;;) {
    const Status status = with_retries(
        client, options, events, file.path, [&] { return transfer.attempt(client, url, token); },
        [&] { return transfer.bytes(); });
    const bool resumed = transfer.resumed();
    if (!status.is_ok()) {
      // A range that the server won't give is no reason to fail where the whole might be had.
      if (status.code() != Code::corrupt || !resumed) return status;
      tell(events, fmt::format("{}; from the start again", status.message()));
      TRY(transfer.begin_again());
      continue;
    }
    auto record = transfer.finish();
    if (record) return record;
    if (record.status().code() != Code::corrupt) return record;
    if (!resumed) {
      TRY(transfer.discard());
      return std::move(record).status().at(file.path);
    }
    TRY(transfer.begin_again());
    tell(events, fmt::format("{}: {}; from the start again", file.path, record.status().message()));
  }
}

int64_t bytes_present(const StoreFolder& folder, const RepoFile& file) {
  for (const std::string& path : {file.path, file.path + ".partial"}) {
    const auto size = folder.size_of(path);
    if (size && *size) return std::min(**size, file.bytes);
  }
  return 0;
}

Result<std::string> download_range(HttpClient& client, const std::string& url,
                                   const std::string& token, int64_t begin, int64_t bytes,
                                   int64_t total, const TransferOptions& options,
                                   const TransferEvents& events) {
  std::string out;
  const auto take_head = [&](const HttpHead& head) {
    out.clear();
    const bool whole = head.status == 200 && begin == 0;
    if (!whole && (head.status != 206 || head.range_begin != begin || head.range_total != total)) {
      return error(Code::unsupported, "the server doesn't send the range that was asked for");
    }
    return Status::ok();
  };
  // A server that knows no ranges sends all: the transfer is stopped where the range is full.
  const auto take_body = [&](std::span<const std::byte> got) {
    const size_t room = static_cast<size_t>(bytes) - out.size();
    const std::string_view text(reinterpret_cast<const char*>(got.data()), got.size());
    out += text.substr(0, room);
    return out.size() == static_cast<size_t>(bytes) ? error(Code::cancelled, "full") : Status::ok();
  };
  const auto attempt = [&]() -> HttpOutcome {
    HttpOutcome outcome = client.send({url, token, begin, begin + bytes, ""}, take_head, take_body);
    if (out.size() == static_cast<size_t>(bytes)) return {Status::ok()};
    if (outcome.status.is_ok()) {
      return {error(Code::internal, "the connection ended too early"), true, 0};
    }
    return outcome;
  };
  TRY(with_retries(client, options, events, excerpt(url, 200), attempt,
                   [&] { return static_cast<int64_t>(out.size()); }));
  return out;
}

}  // namespace hearth::store
