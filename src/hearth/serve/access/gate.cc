// See gate.h.
#include "hearth/serve/access/gate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "hearth/files/outside_bytes.h"

namespace hearth::serve {
namespace {

constexpr size_t kKeyIdDigits = 16;

double now_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

int64_t seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::string_view bearer_key(std::string_view authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  return authorization.starts_with(kBearer) ? authorization.substr(kBearer.size()) : "";
}

std::string host_name(std::string_view host) {
  std::string_view name = host;
  size_t end = 0;
  if (name.starts_with('[')) {
    end = name.find(']');
    if (end == name.npos) return "";
    ++end;
  } else {
    end = std::min(name.find(':'), name.size());
  }
  const std::string_view port = name.substr(end);
  name = name.substr(0, end);
  if (!port.empty()) {
    const std::string_view digits = port.substr(1);
    if (port[0] != ':' || digits.size() > 5) return "";
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return "";
  }
  const bool bracketed = name.starts_with('[');
  for (char c : name) {
    const bool of_name = is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
    if (!of_name && !(bracketed && (c == ':' || c == '[' || c == ']'))) return "";
  }
  return lower(name);
}

bool is_address(std::string_view name) {
  unsigned char bytes[16];
  if (name.starts_with('[') && name.ends_with(']')) {
    const std::string inner(name.substr(1, name.size() - 2));
    return ::inet_pton(AF_INET6, inner.c_str(), bytes) == 1;
  }
  return ::inet_pton(AF_INET, std::string(name).c_str(), bytes) == 1;
}

Result<std::unique_ptr<Gate>> Gate::open(GateOptions options) {
  TRY_ASSIGN(Ledger ledger, Ledger::open(options.ledger_path, seconds_since_1970));
  std::unique_ptr<Gate> gate(new Gate(std::move(options), std::move(ledger)));
  if (!gate->options_.keys_path.empty()) TRY(gate->reload());
  return gate;
}

Status Gate::reload() {
  if (options_.keys_path.empty()) return Status::ok();
  TRY_ASSIGN(ApiKeys keys, ApiKeys::read(options_.keys_path));
  for (const ApiKey& key : keys.all()) {
    if (key.budget == 0 || options_.costs_known) continue;
    return error(Code::corrupt, "{}: budget= of `{}` needs the machine's prices (--cost)",
                 options_.keys_path, key.name);
  }
  set_keys(std::move(keys));
  return Status::ok();
}

// Keys that stay keep what they have used up.
void Gate::set_keys(ApiKeys keys) {
  std::lock_guard lock(mutex_);
  const double now = now_seconds();
  std::map<std::string, Rates> rates;
  for (const ApiKey& key : keys.all()) {
    Rates fresh{RateLimit(key.requests_per_minute, now), RateLimit(key.tokens_per_minute, now)};
    const ApiKey* before = nullptr;
    for (const ApiKey& old : keys_ ? keys_->all() : std::vector<ApiKey>()) {
      const bool same = old.name == key.name &&
                        old.requests_per_minute == key.requests_per_minute &&
                        old.tokens_per_minute == key.tokens_per_minute;
      if (same) before = &old;
    }
    const auto kept = rates_.find(key.name);
    rates.emplace(key.name, before && kept != rates_.end() ? kept->second : fresh);
  }
  rates_ = std::move(rates);
  keys_ = std::make_shared<const ApiKeys>(std::move(keys));
}

bool Gate::has_keys() const {
  std::lock_guard lock(mutex_);
  return keys_ != nullptr;
}

std::optional<ApiError> Gate::check_host(std::string_view host) const {
  const std::string name = host_name(host);
  if (name.empty()) {
    return api_error(400, "bad_host",
                     fmt::format("Host: expected a name, found `{}`", excerpt(host)));
  }
  const auto& names = options_.allowed_hosts;
  // With keys a page of somebody else's can do nothing: it has none.
  if (name == "localhost" || is_address(name) || has_keys() ||
      std::find(names.begin(), names.end(), name) != names.end()) {
    return std::nullopt;
  }
  return api_error(403, "host_not_allowed",
                   fmt::format("Host: `{}` is not served here; see --allowed-host", name));
}

bool Gate::allows_cors(std::string_view origin) const {
  const auto& origins = options_.cors_origins;
  return !origin.empty() && std::find(origins.begin(), origins.end(), origin) != origins.end();
}

std::optional<ApiError> Gate::check_origin(std::string_view origin, std::string_view host) const {
  if (origin.empty() || allows_cors(origin)) return std::nullopt;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme) && lower(origin.substr(scheme.size())) == lower(host)) {
      return std::nullopt;
    }
  }
  return api_error(
      403, "origin_not_allowed",
      fmt::format("Origin: `{}` may not call this server; see --cors-origin", excerpt(origin)));
}

std::optional<ApiError> Gate::check_key(std::string_view presented, Scope scope, Caller& caller) {
  std::shared_ptr<const ApiKeys> keys;
  {
    std::lock_guard lock(mutex_);
    keys = keys_;
  }
  if (!keys) return std::nullopt;
  if (presented.empty()) {
    return api_error(401, "missing_api_key", "expected `Authorization: Bearer KEY`, found none");
  }
  const ApiKey* key = keys->find(presented);
  if (!key) return api_error(401, "invalid_api_key", "the API key is not known here");
  caller.name = key->name;
  caller.key_id = key->hash.substr(0, kKeyIdDigits);
  caller.personal_data = key->personal_data;
  caller.priority = key->priority;
  caller.administers = key->scopes.contains(Scope::admin);
  if (!key->scopes.contains(scope)) {
    return api_error(403, "missing_scope", "the API key may not do this");
  }
  return std::nullopt;
}

// Under the mutex.
std::optional<ApiError> Gate::check_budget(const Caller& caller) {
  if (!keys_) return std::nullopt;
  for (const ApiKey& key : keys_->all()) {
    if (key.name != caller.name) continue;
    const Spending spent = ledger_.spent(key.name);
    std::string what;
    if (key.token_budget > 0 && spent.tokens >= key.token_budget) {
      what = fmt::format("{} tokens", key.token_budget);
    } else if (key.budget > 0 && spent.cost >= key.budget) {
      what = fmt::format("{}", key.budget);
    } else {
      return std::nullopt;
    }
    const int64_t wait = ledger_.seconds_left();
    return api_error(429, "insufficient_quota",
                     fmt::format("the API key's budget of {} for {} is used up; the next month "
                                 "(UTC) begins in {} s",
                                 what, ledger_.month(), wait),
                     static_cast<int>(wait));
  }
  return std::nullopt;
}

std::optional<ApiError> Gate::check_rate(const Caller& caller) {
  std::lock_guard lock(mutex_);
  if (auto refused = check_budget(caller)) return refused;
  const auto found = rates_.find(caller.name);
  if (found == rates_.end()) return std::nullopt;
  const double now = now_seconds();
  const int wait = std::max(found->second.requests.wait(1, now), found->second.tokens.wait(1, now));
  if (wait == 0) {
    found->second.requests.spend(1, now);
    return std::nullopt;
  }
  return api_error(429, "rate_limit_exceeded",
                   fmt::format("the API key's limit is used up; try again in {} s", wait), wait);
}

void Gate::spend(const Caller& caller, int64_t tokens, double cost) {
  std::lock_guard lock(mutex_);
  if (!caller.name.empty()) {
    // A full disk stops no answers: the sums of this process go on.
    const Status noted = ledger_.add(caller.name, tokens, cost);
    if (!noted.is_ok()) fmt::print(stderr, "ledger: {}\n", noted.message());
  }
  const auto found = rates_.find(caller.name);
  if (found != rates_.end()) {
    found->second.tokens.spend(static_cast<double>(tokens), now_seconds());
  }
}

}  // namespace hearth::serve
