// See block_hash.h.
#include "hearth/store/block_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "hearth/base/check.h"
#include "hearth/base/hex.h"

namespace hearth::store {

void BlockHasher::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

BlockHasher::BlockHasher(int64_t bytes) : git_(EVP_MD_CTX_new()) {
  CHECK(git_ != nullptr);
  CHECK_EQ(EVP_DigestInit_ex(git_.get(), EVP_sha1(), nullptr), 1);
  const std::string header = fmt::format("blob {}", bytes);
  CHECK_EQ(EVP_DigestUpdate(git_.get(), header.c_str(), header.size() + 1), 1);  // with its NUL
}

void BlockHasher::update(std::span<const std::byte> bytes) {
  whole_.update(bytes);
  CHECK_EQ(EVP_DigestUpdate(git_.get(), bytes.data(), bytes.size()), 1);
  while (!bytes.empty()) {
    const auto room = static_cast<size_t>(kBlockBytes - bytes_ % kBlockBytes);
    const std::span<const std::byte> part = bytes.first(std::min(room, bytes.size()));
    block_.update(part);
    bytes_ += static_cast<int64_t>(part.size());
    bytes = bytes.subspan(part.size());
    if (bytes_ % kBlockBytes == 0) {
      blocks_.push_back(block_.hex());
      block_ = Sha256();
    }
  }
}

FileHashes BlockHasher::finish() {
  if (bytes_ % kBlockBytes != 0) blocks_.push_back(block_.hex());
  std::array<unsigned char, 20> digest;
  unsigned int size = 0;
  CHECK_EQ(EVP_DigestFinal_ex(git_.get(), digest.data(), &size), 1);
  CHECK_EQ(size, digest.size());
  return {whole_.hex(), hex_of(digest), std::move(blocks_)};
}

}  // namespace hearth::store
