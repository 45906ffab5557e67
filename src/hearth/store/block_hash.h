// The checksums of a file that passes by once: SHA-256 of all of it, of each block of 16 MiB, and
// the name that Git gives to it, by which hubs know small files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hearth/base/sha256.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace hearth::store {

inline constexpr int64_t kBlockBytes = int64_t{16} << 20;

struct FileHashes {
  std::string sha256;
  std::string git_sha1;
  std::vector<std::string> blocks;  // SHA-256 of each block, the last one shorter
};

// One thread at a time; move-only.
class BlockHasher {
 public:
  // `bytes`: the size of the whole file, a part of Git's name.
  explicit BlockHasher(int64_t bytes);

  void update(std::span<const std::byte> bytes);
  int64_t bytes() const { return bytes_; }  // so far
  FileHashes finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  Sha256 whole_;
  Sha256 block_;
  std::unique_ptr<evp_md_ctx_st, Free> git_;
  std::vector<std::string> blocks_;
  int64_t bytes_ = 0;
};

}  // namespace hearth::store
