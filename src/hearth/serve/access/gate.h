// Gate: who may come in. Decides on the head of a request alone, before a byte of its body is
// read: Host and Origin against DNS rebinding, then the key, its scope and its rates.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/serve/access/api_keys.h"
#include "hearth/serve/access/ledger.h"
#include "hearth/serve/access/rate_limit.h"
#include "hearth/serve/api_error.h"

namespace hearth::serve {

struct GateOptions {
  std::string keys_path;                   // "": no keys
  std::vector<std::string> allowed_hosts;  // names beside localhost and addresses
  std::vector<std::string> cors_origins;   // pages that may read answers; none by default
  std::string ledger_path;                 // what keys have spent; "": of this process alone
  bool costs_known = false;                // `spend` is told money, so that budget= can be kept
};

struct Caller {
  std::string name;                        // of the key; "" where there are none
  std::string key_id;                      // the first digits of its hash
  std::optional<pii::Mode> personal_data;  // what the key says
  bool administers = false;                // by the scope of its key
  // Of its requests that name none, and the first in rank that one may name; absent: there are no
  // keys, and every caller may name any.
  std::optional<int64_t> priority;
};

// Thread-safe.
class Gate {
 public:
  static Result<std::unique_ptr<Gate>> open(GateOptions options);

  // The Host header: a name that is ours, or an address, which no rebinding can name.
  std::optional<ApiError> check_host(std::string_view host) const;
  // The Origin header ("": none came): of this host itself, or allowed.
  std::optional<ApiError> check_origin(std::string_view origin, std::string_view host) const;
  bool allows_cors(std::string_view origin) const;

  // `presented` is the key without "Bearer "; "" when none came. Without keys all may come in.
  std::optional<ApiError> check_key(std::string_view presented, Scope scope, Caller& caller);
  // A request that will be worked on: 429 where the key's rates or its budget are used up. What is
  // still running isn't known yet, so that a budget may be passed by it.
  std::optional<ApiError> check_rate(const Caller& caller);
  void spend(const Caller& caller, int64_t tokens, double cost);

  bool has_keys() const;
  // Reads the file again; a file that is wrong changes nothing.
  Status reload();

 private:
  struct Rates {
    RateLimit requests, tokens;
  };
  Gate(GateOptions options, Ledger ledger)
      : options_(std::move(options)), ledger_(std::move(ledger)) {}
  void set_keys(ApiKeys keys);
  std::optional<ApiError> check_budget(const Caller& caller);

  const GateOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
  std::map<std::string, Rates> rates_;  // by key name
  Ledger ledger_;
};

// The key of `Authorization: Bearer KEY`; "": it is no such thing.
std::string_view bearer_key(std::string_view authorization);
// The name or address of a Host header without its port; "": it is no such thing.
std::string host_name(std::string_view host);
bool is_address(std::string_view name);  // IPv4, or IPv6 in brackets

}  // namespace hearth::serve
