// See transfer.h.
#include "hearth/store/transfer.h"

#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "hearth/files/outside_bytes.h"

namespace hearth::store {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr int64_t kStateBytesMax = 1024;

void tell(const TransferEvents& events, const std::string& line) {
  if (events.notice) events.notice(line);
}

}  // namespace

std::string_view checked_against(const RepoFile& file) {
  if (!file.sha256.empty()) return "sha256";
  return file.git_sha1.empty() ? "etag" : "git-sha1";
}

Status Transfer::save_state() {
  TRY_ASSIGN(const FileHandle state, folder_.open_file(state_name(), O_RDWR | O_CREAT));
  TRY(state.cut(0));
  const std::string text = fmt::format("{}\n{}\n", identity(), etag_);
  return state.write(0, std::as_bytes(std::span(text)));
}

Status Transfer::open() {
  auto state = folder_.read_text(state_name(), kStateBytesMax);
  if (!state && state.status().code() != Code::not_found) return std::move(state).status();
  TRY_ASSIGN(partial_, folder_.open_file(partial_name(), O_RDWR | O_CREAT));
  TRY_ASSIGN(const int64_t present, partial_.size());
  const std::string text = state ? *state : "";
  const size_t line = text.find('\n');
  const bool same = line != text.npos && text.substr(0, line) == identity();
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

Status Transfer::append(std::span<const std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > file_.bytes - hasher_.bytes()) {
    return error(Code::corrupt, "expected {} bytes, the server sends more", file_.bytes);
  }
  TRY(partial_.write(hasher_.bytes(), bytes));
  hasher_.update(bytes);
  advance(size);
  return Status::ok();
}

HttpOutcome Transfer::attempt(HttpClient& client, const RemoteFile& remote) {
  if (bytes() == file_.bytes) return {Status::ok()};
  const HttpRequest request{remote.url, remote.access, bytes(), 0, etag_};
  HttpOutcome outcome = client.send(
      request, [&](const HttpHead& head) { return take_head(head); },
      [&](std::span<const std::byte> bytes) { return append(bytes); });
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
  out.checked = checked_against(file_);
  out.etag = file_.etag;
  const bool git = file_.sha256.empty();
  if (out.checked != "etag" && (git ? hashes.git_sha1 : out.sha256) != identity()) {
    return error(Code::corrupt, "expected {} {}, found {}", out.checked, identity(),
                 git ? hashes.git_sha1 : out.sha256);
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

}  // namespace hearth::store
