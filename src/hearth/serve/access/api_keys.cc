// See api_keys.h.
#include "hearth/serve/access/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "hearth/base/hex.h"
#include "hearth/base/mapped_file.h"
#include "hearth/base/sha256.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/serve/word.h"

namespace hearth::serve {
namespace {

constexpr int64_t kFileBytesMax = 16 << 20;
constexpr size_t kNameBytesMax = 64;
constexpr size_t kHashDigits = 64;
constexpr std::string_view kHash = "sha256:";
constexpr std::string_view kPrefix = "hearth-";

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

bool is_hash(std::string_view digits) {
  return digits.size() == kHashDigits && std::all_of(digits.begin(), digits.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<Scope> scope_of(std::string_view word) {
  if (word == "generate") return Scope::generate;
  if (word == "metrics") return Scope::metrics;
  if (word == "admin") return Scope::admin;
  return std::nullopt;
}

Status read_scopes(std::string_view list, std::set<Scope>& out) {
  out.clear();
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    const auto scope = scope_of(list.substr(0, comma));
    if (!scope) {
      return error(Code::corrupt, "scopes: expected generate, metrics or admin, found `{}`",
                   excerpt(list.substr(0, comma)));
    }
    out.insert(*scope);
    if (comma == list.size()) return Status::ok();
    list.remove_prefix(comma + 1);
  }
}

Status read_personal_data(std::string_view value, ApiKey& key) {
  key.personal_data = pii::find_mode(value);
  if (key.personal_data) return Status::ok();
  return error(Code::corrupt, "pii: expected off, log_only, mask or block, found `{}`",
               excerpt(value));
}

Status read_budget(std::string_view value, ApiKey& key) {
  const char* const end = value.data() + value.size();
  const auto [stop, failure] = std::from_chars(value.data(), end, key.budget);
  if (failure == std::errc() && stop == end && key.budget > 0 && key.budget <= 1e12) {
    return Status::ok();
  }
  return error(Code::corrupt, "budget: expected a positive amount of money, found `{}`",
               excerpt(value));
}

bool read_whole(std::string_view value, int64_t low, int64_t high, int64_t& out) {
  const char* const end = value.data() + value.size();
  const auto [stop, failure] = std::from_chars(value.data(), end, out);
  return failure == std::errc() && stop == end && out >= low && out <= high;
}

Status read_priority(std::string_view value, ApiKey& key) {
  if (read_whole(value, kPriorityFirst, kPriorityLast, key.priority)) return Status::ok();
  return error(Code::corrupt, "priority: expected a number of {} (first) to {} (last), found `{}`",
               kPriorityFirst, kPriorityLast, excerpt(value));
}

Status read_setting(std::string_view word, ApiKey& key) {
  const size_t equals = std::min(word.find('='), word.size());
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(std::min(equals + 1, word.size()));
  if (name == "scopes") return read_scopes(value, key.scopes);
  if (name == "pii") return read_personal_data(value, key);
  if (name == "budget") return read_budget(value, key);
  if (name == "priority") return read_priority(value, key);
  const bool tokens = name == "token-budget";
  if (name != "rpm" && name != "tpm" && !tokens) {
    return error(Code::corrupt,
                 "expected scopes=, rpm=, tpm=, pii=, token-budget=, budget= or priority=, found "
                 "`{}`",
                 excerpt(word));
  }
  const int64_t most = tokens ? 1'000'000'000'000'000 : 1'000'000'000;
  int64_t number = 0;
  if (!read_whole(value, 1, most, number)) {
    return error(Code::corrupt, "{}: expected a number of 1 to {}, found `{}`", name, most,
                 excerpt(value));
  }
  int64_t& setting = name == "rpm" ? key.requests_per_minute : key.tokens_per_minute;
  (tokens ? key.token_budget : setting) = number;
  return Status::ok();
}

Result<ApiKey> read_key(const std::string& line) {
  std::istringstream words(line);
  ApiKey key;
  std::string hash;
  words >> key.name >> hash;
  if (!is_word(key.name, kNameBytesMax)) {
    return error(Code::corrupt, "expected a name of letters, digits, `-`, `_`, `.`, found `{}`",
                 excerpt(key.name));
  }
  if (!hash.starts_with(kHash) || !is_hash(std::string_view(hash).substr(kHash.size()))) {
    return error(Code::corrupt, "expected sha256: and 64 lower-case digits, found `{}`",
                 excerpt(hash, 16));
  }
  key.hash = hash.substr(kHash.size());
  for (std::string word; words >> word;) TRY(read_setting(word, key));
  return key;
}

}  // namespace

Result<ApiKeys> ApiKeys::parse(std::string_view text) {
  ApiKeys out;
  std::istringstream lines{std::string(text)};
  int64_t number = 0;
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == line.npos || line[first] == '#') continue;
    auto key = read_key(line);
    if (!key) return std::move(key).status().at(fmt::format("line {}", number));
    if (!seen.insert(key->name).second || !seen.insert(key->hash).second) {
      return error(Code::corrupt, "line {}: the name or the key of `{}` stands twice", number,
                   key->name);
    }
    out.keys_.push_back(*std::move(key));
  }
  if (out.keys_.empty()) return error(Code::corrupt, "expected at least one key, found none");
  return out;
}

Result<ApiKeys> ApiKeys::read(const std::string& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kFileBytesMax));
  auto keys = parse(text);
  if (!keys) return std::move(keys).status().at(path);
  return keys;
}

const ApiKey* ApiKeys::find(std::string_view presented) const {
  const std::string hash = sha256_of(presented);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_) {
    const bool same = CRYPTO_memcmp(hash.data(), key.hash.data(), kHashDigits) == 0;
    found = same ? &key : found;
  }
  return found;
}

Result<NewApiKey> make_api_key(const std::string& name) {
  if (!is_word(name, kNameBytesMax)) {
    return error(Code::invalid,
                 "key name: expected at most {} letters, digits, `-`, `_`, `.`, found `{}`",
                 kNameBytesMax, excerpt(name));
  }
  std::array<unsigned char, 32> random;
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return error(Code::internal, "the system gave no random bytes");
  }
  NewApiKey out;
  out.key = fmt::format("{}{}", kPrefix, hex_of(random));
  out.line = fmt::format("{} {}{} scopes=generate", name, kHash, sha256_of(out.key));
  return out;
}

}  // namespace hearth::serve
