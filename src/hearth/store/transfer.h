// A file on its way into the store: its bytes come in order, are hashed as they pass and lie in
// PATH.partial until all are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hearth/base/status.h"
#include "hearth/store/block_hash.h"
#include "hearth/store/download.h"

namespace hearth::store {

// The state beside it (PATH.partial.state: the expected checksum or ETag, the last reply's ETag)
// tells whether it is the same content and lets the server tell, too.
class Transfer {
 public:
  Transfer(const RepoFile& file, const StoreFolder& folder, const TransferEvents& events)
      : file_(file), folder_(folder), events_(events), hasher_(file.bytes) {}

  Status open();         // takes up what is there
  Status begin_again();  // nothing of it counts
  Status discard();      // nothing of it is kept
  // One request for all that is missing; what came counts, whatever the outcome.
  HttpOutcome attempt(HttpClient& client, const RemoteFile& remote);
  Status append(std::span<const std::byte> bytes);
  // The record of the whole file under its name, or corrupt: the checksum is another.
  Result<FileRecord> finish();

  int64_t bytes() const { return hasher_.bytes(); }
  bool resumed() const { return resumed_; }
  const std::string& etag() const { return etag_; }

 private:
  Status take_head(const HttpHead& head);
  Status save_state();
  // What tells this content from another: a checksum, or of an S3 store the ETag.
  const std::string& identity() const {
    if (!file_.sha256.empty()) return file_.sha256;
    return file_.git_sha1.empty() ? file_.etag : file_.git_sha1;
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

// Against what of the hub a file is checked: "sha256", "git-sha1", or "etag": an S3 store gave no
// checksum.
std::string_view checked_against(const RepoFile& file);

}  // namespace hearth::store
