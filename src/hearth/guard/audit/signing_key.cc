// See signing_key.h.
#include "hearth/guard/audit/signing_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>

#include "hearth/base/check.h"
#include "hearth/base/hex.h"
#include "hearth/base/mapped_file.h"

namespace hearth::audit {
namespace {

constexpr int64_t kPemBytesMax = 16 << 10;
constexpr size_t kPublicBytes = 32;
constexpr size_t kSignatureBytes = 64;

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A key file with a password is no key of ours: nobody is there to be asked.
int no_password(char*, int, int, void*) {
  return 0;
}

}  // namespace

void SigningKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Result<SigningKey> SigningKey::make() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (!key) return error(Code::internal, "OpenSSL made no Ed25519 key");
  return SigningKey(key);
}

Result<SigningKey> SigningKey::read(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kPemBytesMax));
  const Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  CHECK(memory != nullptr);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr);
  if (!key) return error(Code::corrupt, "{}: expected a private key as a PEM file", path);
  SigningKey out(key);
  if (EVP_PKEY_is_a(key, "ED25519") != 1) {
    return error(Code::corrupt, "{}: expected a key of Ed25519", path);
  }
  return out;
}

std::string SigningKey::sign(std::string_view text) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<unsigned char, kSignatureBytes> signature;
  size_t size = signature.size();
  CHECK(context != nullptr);
  CHECK_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()), 1);
  CHECK_EQ(EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(text), text.size()), 1);
  CHECK_EQ(size, signature.size());
  return hex_of(signature);
}

std::string SigningKey::public_key() const {
  std::array<unsigned char, kPublicBytes> bytes;
  size_t size = bytes.size();
  CHECK_EQ(EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &size), 1);
  CHECK_EQ(size, bytes.size());
  return hex_of(bytes);
}

std::string SigningKey::pem() const {
  const Memory memory(BIO_new(BIO_s_mem()), BIO_free);
  CHECK(memory != nullptr);
  CHECK_EQ(
      PEM_write_bio_PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<size_t>(size)};
}

bool verifies(std::string_view public_key, std::string_view text, std::string_view signature) {
  const auto key_bytes = bytes_of_hex(public_key);
  const auto signature_bytes = bytes_of_hex(signature);
  if (!key_bytes || key_bytes->size() != kPublicBytes) return false;
  if (!signature_bytes || signature_bytes->size() != kSignatureBytes) return false;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key_bytes->data(), kPublicBytes),
      EVP_PKEY_free);
  if (!key) return false;
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  CHECK(context != nullptr);
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature_bytes->data(), kSignatureBytes, bytes_of(text),
                          text.size()) == 1;
}

std::string head_text(int64_t seq, std::string_view prev) {
  return fmt::format("hearth audit head\n{}\n{}\n", seq, prev);
}

}  // namespace hearth::audit
