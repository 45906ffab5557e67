// Vault: which token stands for which value in one conversation. The only place of the clear
// values: in locked memory, wiped with it.
//
// A token is [TYPE_n], with a nonce [TYPE_n_XXXX] where some text of the conversation holds what
// looks like a token, so that nobody's text can name a value. Models change how a token is written;
// it is known by its letters and digits alone ("[mobile 1]", "【MOBILE_1】").
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/guard/pii/entity.h"
#include "hearth/guard/pii/locked_memory.h"

namespace hearth::pii {

class Vault {
 public:
  // `nonce`: "" or capital letters.
  explicit Vault(std::string nonce = "") : nonce_(std::move(nonce)) {}
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  struct Entry {
    std::string token;
    Type type;
    std::string_view value;  // in locked memory
  };

  // The token of a value, the one it has already or a new one. no_memory: see LockedMemory.
  Result<std::string_view> token_of(Type type, std::string_view value);
  // A token that was made elsewhere (a map file). invalid: it is no token, or stands here already.
  Status put(std::string_view token, Type type, std::string_view value);

  // The value that a token stands for, by its letters and digits in capitals ("MOBILE1"); nullptr:
  // none.
  const std::string_view* value_of(std::string_view letters) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  Status add(std::string token, Type type, std::string_view value);

  LockedMemory memory_;
  std::string nonce_;
  std::vector<Entry> entries_;
  std::map<Type, int64_t> counts_;
  std::unordered_map<std::string, std::string_view> by_letters_;
  // Keys lie in locked memory.
  std::map<std::pair<Type, std::string_view>, size_t> by_value_;
};

// How a text is written: as a token, as the beginning of one, or as neither. A token is a bracket
// (plain, full-width or Chinese), letters and digits with spaces, dashes or underscores among them,
// and a bracket; at most kTokenBytesMax bytes.
enum class TokenShape : uint8_t { none, beginning, whole };
inline constexpr size_t kTokenBytesMax = 64;
TokenShape token_shape(std::string_view text);
// The letters and digits of a text, letters as capitals.
std::string token_letters(std::string_view text);
// Whether something in `text` is written as a token of one of the types.
bool has_token(std::string_view text);

}  // namespace hearth::pii
