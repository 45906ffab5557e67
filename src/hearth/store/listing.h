// What a hub says about a repository: its commit, its licence, its files with sizes and checksums.
// Read from JSON that anybody may have written; nothing in it is used before it is checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/json.h"

namespace hearth::store {

inline constexpr int64_t kListingBytesMax = int64_t{16} << 20;
inline constexpr int64_t kListingFilesMax = 100'000;
inline constexpr int64_t kFileBytesMax = int64_t{1} << 44;  // 16 TiB

struct RepoFile {
  std::string path;  // checked: check_relative_path
  int64_t bytes = 0;
  std::string sha256;    // 64 hexadecimal digits, or ""
  std::string git_sha1;  // 40, or ""
  std::string etag =
      "";  // of an object at an S3 store: no checksum, but another one for other bytes
};

struct RepoListing {
  std::string commit;           // 40 hexadecimal digits, or "": the hub names none
  std::string licence;          // as the hub has it: "mit"; "": it says nothing
  std::vector<RepoFile> files;  // by path; no path twice
};

// GET /api/models/REPO/revision/REV?blobs=true of Hugging Face. corrupt: anything else, a name that
// would leave its folder, a name twice, a size or checksum that is none.
Result<RepoListing> parse_hugging_face_listing(std::string_view text);

// corrupt: a path twice.
Status sort_by_path(std::vector<RepoFile>& files);

// GET /api/v1/models/REPO/repo/files?Recursive=true of ModelScope, and GET /api/v1/models/REPO, the
// licence of it.
Result<RepoListing> parse_modelscope_listing(std::string_view text);
Result<std::string> parse_modelscope_licence(std::string_view text);

}  // namespace hearth::store
