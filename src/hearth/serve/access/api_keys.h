// API keys: a file of hashes, one key a line, and what each key may do. A key is 32 random bytes,
// so its plain SHA-256 can't be guessed back; a presented key is compared with every line in
// constant time.
//
//   NAME sha256:HEX [scopes=generate,metrics,admin] [rpm=N] [tpm=N]
//     [pii=off|log_only|mask|block] [token-budget=N] [budget=X] [priority=N]
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/guard/pii/policy.h"

namespace hearth::serve {

// Of requests and keys, as vLLM's clients know them: lower numbers go first.
inline constexpr int64_t kPriorityFirst = -100;
inline constexpr int64_t kPriorityLast = 100;

enum class Scope : uint8_t { generate, metrics, admin };

struct ApiKey {
  std::string name;
  std::string hash;  // 64 lower-case digits
  std::set<Scope> scopes = {Scope::generate};
  int64_t requests_per_minute = 0;  // 0: no limit
  int64_t tokens_per_minute = 0;
  int64_t token_budget = 0;                // of a calendar month; 0: no limit
  double budget = 0;                       // the same in the currency of the prices
  std::optional<pii::Mode> personal_data;  // absent: as the server does it
  int64_t priority = 0;  // of requests that name none, and the first in rank that one may name
};

class ApiKeys {
 public:
  // corrupt, naming the line: not the form above, a name or a hash twice, no key at all.
  static Result<ApiKeys> parse(std::string_view text);
  static Result<ApiKeys> read(const std::string& path);

  // nullptr: none of ours. Takes the same time whichever key it is.
  const ApiKey* find(std::string_view presented) const;
  const std::vector<ApiKey>& all() const { return keys_; }

 private:
  std::vector<ApiKey> keys_;
};

struct NewApiKey {
  std::string key;   // shown once, to its user
  std::string line;  // for the file
};
// invalid: the name is no word of letters, digits, `-`, `_` and `.`.
Result<NewApiKey> make_api_key(const std::string& name);

}  // namespace hearth::serve
