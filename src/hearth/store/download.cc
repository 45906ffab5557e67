// See download.h.
#include "hearth/store/download.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "hearth/files/outside_bytes.h"
#include "hearth/store/ranges.h"
#include "hearth/store/transfer.h"

namespace hearth::store {
namespace {

constexpr int64_t kProgressThatCounts = int64_t{1} << 20;

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

Status fetch_rest(HttpClient& client, const RemoteFile& remote, const RepoFile& file,
                  Transfer& transfer, const TransferOptions& options,
                  const TransferEvents& events) {
  if (!remote.etag.empty()) {
    const auto append = [&](std::span<const std::byte> bytes) { return transfer.append(bytes); };
    return fetch_ranges(client, remote, transfer.bytes(), file.bytes, options, events, append)
        .at(file.path);
  }
  return with_retries(
      client, options, events, file.path, [&] { return transfer.attempt(client, remote); },
      [&] { return transfer.bytes(); });
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

Result<FileRecord> download_file(HttpClient& client, const RemoteFile& remote, const RepoFile& file,
                                 const StoreFolder& folder, const TransferOptions& options,
                                 const TransferEvents& events) {
  Transfer transfer(file, folder, events);
  TRY(transfer.open());
  for (;;) {
    const Status status = fetch_rest(client, remote, file, transfer, options, events);
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

Result<std::string> download_range(HttpClient& client, const RemoteFile& remote, int64_t begin,
                                   int64_t bytes, int64_t total, const TransferOptions& options,
                                   const TransferEvents& events) {
  std::string out;
  const auto take_head = [&](const HttpHead& head) {
    out.clear();
    const bool whole = head.status == 200 && begin == 0;
    if (!whole && (head.status != 206 || head.range_begin != begin || head.range_total != total)) {
      return error(Code::unsupported, "the server doesn't send the range that was asked for");
    }
    if (remote.etag.empty() || remote.etag == head.etag) return Status::ok();
    return error(Code::corrupt,
                 "it has changed since it was listed: expected ETag {}, found {}; pull again",
                 remote.etag, head.etag.empty() ? "none" : head.etag);
  };
  // A server that knows no ranges sends all: the transfer is stopped where the range is full.
  const auto take_body = [&](std::span<const std::byte> got) {
    const size_t room = static_cast<size_t>(bytes) - out.size();
    const std::string_view text(reinterpret_cast<const char*>(got.data()), got.size());
    out += text.substr(0, room);
    return text.size() > room ? error(Code::cancelled, "full") : Status::ok();
  };
  const auto attempt = [&]() -> HttpOutcome {
    const HttpRequest request{remote.url, remote.access, begin, begin + bytes, "", remote.etag};
    HttpOutcome outcome = client.send(request, take_head, take_body);
    if (out.size() == static_cast<size_t>(bytes)) return {Status::ok()};
    if (outcome.status.is_ok()) {
      return {error(Code::internal, "the connection ended too early"), true, 0};
    }
    return outcome;
  };
  TRY(with_retries(client, options, events, excerpt(remote.url, 200), attempt,
                   [&] { return static_cast<int64_t>(out.size()); }));
  return out;
}

Result<std::string> download_text(HttpClient& client, const RemoteFile& remote, int64_t bytes_max,
                                  const TransferOptions& options, const TransferEvents& events) {
  std::string text;
  const auto take_head = [&](const HttpHead& head) {
    text.clear();
    if (head.status == 200) return Status::ok();
    return error(Code::corrupt, "expected HTTP 200, found {}", head.status);
  };
  const auto take_body = [&](std::span<const std::byte> bytes) {
    if (static_cast<int64_t>(text.size() + bytes.size()) > bytes_max) {
      return error(Code::corrupt, "the hub's listing is longer than {} MiB", bytes_max >> 20);
    }
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Status::ok();
  };
  TRY(with_retries(
      client, options, events, "listing",
      [&] {
        const HttpRequest request{remote.url, remote.access, 0, 0, "", remote.etag};
        return client.send(request, take_head, take_body);
      },
      [] { return int64_t{0}; }));
  return text;
}

}  // namespace hearth::store
