// See masker.h.
#include "hearth/guard/pii/masker.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "hearth/base/check.h"

namespace hearth::pii {
namespace {

constexpr size_t kNonceLetters = 4;

std::string random_letters() {
  std::array<unsigned char, kNonceLetters> bytes;
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())), 1);
  std::string out;
  for (unsigned char b : bytes) out.push_back(static_cast<char>('A' + b % 26));
  return out;
}

// "" where no text looks as if it held a token.
std::string nonce_for(std::span<const std::string_view> texts) {
  if (std::none_of(texts.begin(), texts.end(), has_token)) return "";
  for (;;) {
    std::string nonce = random_letters();
    const auto has = [&](std::string_view text) {
      return token_letters(text).find(nonce) != std::string::npos;
    };
    if (std::none_of(texts.begin(), texts.end(), has)) return nonce;
  }
}

Result<MaskedText> mask_one(std::string_view text, const DetectOptions& options, Vault& vault) {
  MaskedText out;
  size_t at = 0;
  for (const Entity& entity : detect(text, options)) {
    const std::string_view value = text.substr(entity.start, entity.end - entity.start);
    TRY_ASSIGN(const std::string_view token, vault.token_of(entity.type, value));
    out.text += text.substr(at, entity.start - at);
    out.text += token;
    out.entities.push_back({entity, std::string(token)});
    at = entity.end;
  }
  out.text += text.substr(at);
  return out;
}

}  // namespace

Result<Masked> mask(std::span<const std::string_view> texts, const DetectOptions& options) {
  Masked out;
  const auto vault = std::make_shared<Vault>(nonce_for(texts));
  for (std::string_view text : texts) {
    TRY_ASSIGN(MaskedText masked, mask_one(text, options, *vault));
    out.texts.push_back(std::move(masked));
  }
  out.vault = vault;
  return out;
}

}  // namespace hearth::pii
