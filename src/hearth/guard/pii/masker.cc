// See masker.h.
#include "hearth/guard/pii/masker.h"

#include <openssl/rand.h>

#include <algorithm>
#include <vector>

#include "hearth/base/check.h"
#include "hearth/guard/pii/known_names.h"

namespace hearth::pii {
namespace {

constexpr size_t kNonceLetters = 4;  // of the first draw

std::string random_letters(size_t count) {
  std::vector<unsigned char> bytes(count);
  CHECK_EQ(RAND_bytes(bytes.data(), static_cast<int>(count)), 1);
  std::string out;
  for (unsigned char b : bytes) out.push_back(static_cast<char>('A' + b % 26));
  return out;
}

// "" where no text looks as if it held a token. Texts may hold every sequence of four letters, so
// each draw is a letter longer: one of ten stands in 2^32 bytes of text at most once in 28,000, and
// a token (kTokenBytesMax) has room for thirty.
std::string nonce_for(std::span<const std::string_view> texts) {
  if (std::none_of(texts.begin(), texts.end(), has_token)) return "";
  std::vector<std::string> letters;
  for (std::string_view text : texts) letters.push_back(token_letters(text));
  for (size_t count = kNonceLetters;; ++count) {
    const std::string nonce = random_letters(count);
    const auto has = [&](const std::string& text) { return text.find(nonce) != text.npos; };
    if (std::none_of(letters.begin(), letters.end(), has)) return nonce;
  }
}

Result<MaskedText> mask_one(std::string_view text, const std::vector<Entity>& found, Vault& vault) {
  MaskedText out;
  size_t at = 0;
  for (const Entity& entity : found) {
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
  return mask(texts, options, {});
}

Result<Masked> mask(std::span<const std::string_view> texts, const DetectOptions& options,
                    std::span<const KnownName> known) {
  Masked out;
  const auto vault = std::make_shared<Vault>(nonce_for(texts));
  for (std::string_view text : texts) {
    TRY_ASSIGN(MaskedText masked, mask_one(text, detect(text, options, known), *vault));
    out.texts.push_back(std::move(masked));
  }
  out.vault = vault;
  return out;
}

}  // namespace hearth::pii
