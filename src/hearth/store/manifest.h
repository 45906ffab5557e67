// manifest.json of a model in the store: where it came from and the checksums that it was verified
// against. It is written last: a model without one was not pulled to the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth::store {

struct FileRecord {
  std::string path;  // below the model's folder of this version
  int64_t bytes = 0;
  std::string sha256;
  std::vector<std::string> blocks;  // SHA-256 of each 16 MiB; none for a file of one block
  std::string checked;    // against what of the hub: "sha256", "git-sha1"; "etag": no checksum
  std::string etag = "";  // of an S3 store
};

struct Manifest {
  std::string name;      // deepseek-r1:1.5b, or the reference
  std::string source;    // the reference, canonical
  std::string endpoint;  // https://huggingface.co
  std::string commit;    // 40 hexadecimal digits; "": the hub names none
  std::string licence;
  std::string licence_accepted;  // when, by the user: 2026-11-27T12:00:00Z
  std::string pulled;            // when
  std::string folder;            // of the files, below the model's: VERSION/REPO
  std::string gguf;              // the file to open, below `folder`; "": the folder itself
  std::vector<FileRecord> files;

  int64_t bytes() const;
  // Of a model of one file that file's; else SHA-256 of the lines "SHA256  PATH\n" in order, as
  // `sha256sum` prints them.
  std::string sha256() const;
  const FileRecord* find(std::string_view path) const;

  std::string to_json() const;
};

inline constexpr int64_t kManifestBytesMax = int64_t{64} << 20;

// corrupt, also where a path would leave the folder or a checksum is none.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace hearth::store
