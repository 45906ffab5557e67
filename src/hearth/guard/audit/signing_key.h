// Ed25519 keys for the heads of the chain, by OpenSSL: PEM files, as `openssl genpkey` writes them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "hearth/base/status.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace hearth::audit {

// Public: 64 hexadecimal digits. A signature: 128.
class SigningKey {
 public:
  static Result<SigningKey> make();
  // A PEM private key. corrupt: it is none, or not of Ed25519.
  static Result<SigningKey> read(const std::string& path);

  std::string sign(std::string_view text) const;
  std::string public_key() const;
  std::string pem() const;  // of the private key

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit SigningKey(evp_pkey_st* key) : key_(key) {}

  std::unique_ptr<evp_pkey_st, Free> key_;
};

// False too where `public_key` or `signature` is not of its form.
bool verifies(std::string_view public_key, std::string_view text, std::string_view signature);

// The text that a head signs: all events before `seq`, whose last has the hash `prev`.
std::string head_text(int64_t seq, std::string_view prev);

}  // namespace hearth::audit
