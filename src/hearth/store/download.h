// One file from a hub into the store: bytes go to PATH.partial, are hashed as they pass, and get
// their name when the checksum is the hub's. What is left of an earlier run is continued.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "hearth/base/status.h"
#include "hearth/store/http_client.h"
#include "hearth/store/listing.h"
#include "hearth/store/manifest.h"
#include "hearth/store/store_folder.h"

namespace hearth::store {

// What a long transfer tells while it runs. All may be empty.
struct TransferEvents {
  std::function<void(int64_t bytes)> advanced;  // as they come; negative: begun again
  std::function<void(std::string_view line)> notice;
};

struct TransferOptions {
  int retries = 5;           // in a row without a megabyte of progress
  double retry_seconds = 1;  // before the first; twice as long before each next
  int connections = 4;       // at once, for one file of an S3 store
};

// Where a file is, and who asks for it.
struct RemoteFile {
  std::string url;
  Access access = {};
  std::string etag = "";  // of an S3 store: no other content is taken
};

// Runs `attempt` until it succeeds, fails for good, or has failed too often. `progress` says how
// many bytes there are so far. cancelled: the client was stopped, also while waiting.
Status with_retries(const HttpClient& client, const TransferOptions& options,
                    const TransferEvents& events, const std::string& what,
                    const std::function<HttpOutcome()>& attempt,
                    const std::function<int64_t()>& progress);

// `folder`: of the model's version; `file.path` lies below it. With an ETag by ranges, several on
// their way at once (ranges.h), else in one piece.
Result<FileRecord> download_file(HttpClient& client, const RemoteFile& remote, const RepoFile& file,
                                 const StoreFolder& folder, const TransferOptions& options,
                                 const TransferEvents& events);

// How many bytes of a file are there already: of a partial one, too.
int64_t bytes_present(const StoreFolder& folder, const RepoFile& file);

// One range of a file into memory; its length is checked, of its content only the ETag, if there is
// one.
Result<std::string> download_range(HttpClient& client, const RemoteFile& remote, int64_t begin,
                                   int64_t bytes, int64_t total, const TransferOptions& options,
                                   const TransferEvents& events);

// All of a small text. corrupt: it is longer than `bytes_max`.
Result<std::string> download_text(HttpClient& client, const RemoteFile& remote, int64_t bytes_max,
                                  const TransferOptions& options, const TransferEvents& events);

}  // namespace hearth::store
