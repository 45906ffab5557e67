// By OpenSSL's EVP, which uses the processor's SHA instructions. Its calls fail only without
// memory.
#include "hearth/base/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "hearth/base/check.h"
#include "hearth/base/hex.h"

namespace hearth {

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK_EQ(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr), 1);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK_EQ(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()), 1);
}

Sha256& Sha256::operator=(const Sha256& other) {
  if (this != &other) CHECK_EQ(EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()), 1);
  return *this;
}

void Sha256::update(std::span<const std::byte> bytes) {
  CHECK_EQ(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), 1);
}

void Sha256::update(std::string_view text) {
  update(std::as_bytes(std::span(text.data(), text.size())));
}

std::string Sha256::hex() const {
  const Sha256 copy(*this);
  std::array<unsigned char, 32> digest;
  unsigned int size = 0;
  CHECK_EQ(EVP_DigestFinal_ex(copy.context_.get(), digest.data(), &size), 1);
  CHECK_EQ(size, digest.size());
  return hex_of(digest);
}

}  // namespace hearth
