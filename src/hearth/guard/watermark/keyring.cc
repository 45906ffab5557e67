// See keyring.h.
#include "hearth/guard/watermark/keyring.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "hearth/base/check.h"
#include "hearth/base/hex.h"
#include "hearth/base/mapped_file.h"
#include "hearth/files/json.h"
#include "hearth/files/outside_bytes.h"

namespace hearth::watermark {
namespace {

constexpr std::string_view kFormat = "hearth-watermark-1";
constexpr std::string_view kSourceForm = "ORGANISATION/MODEL or ORGANISATION/MODEL:ADAPTER";
constexpr int64_t kFileBytesMax = 1 << 20;

Status check_window(int64_t window) {
  if (window >= 1 && window <= kWindowMax) return Status::ok();
  return error(Code::invalid, "window: expected 1 to {} tokens, found {}", kWindowMax, window);
}

// Says nothing of what it found: that is a secret.
Status parse_secret(std::string_view hex, std::array<uint8_t, 32>& out) {
  const auto bytes = bytes_of_hex(hex);
  if (!bytes || bytes->size() != out.size()) {
    return error(Code::corrupt, "`secret`: expected {} digits 0-9, a-f", 2 * out.size());
  }
  std::ranges::copy(*bytes, out.begin());
  return Status::ok();
}

SipKey key_at(const std::array<uint8_t, 32>& bytes, size_t at) {
  SipKey key;
  for (size_t i = 0; i < 8; ++i) {
    key.low |= uint64_t{bytes[at + i]} << (8 * i);
    key.high |= uint64_t{bytes[at + 8 + i]} << (8 * i);
  }
  return key;
}

}  // namespace

Status check_source(std::string_view source) {
  const auto wrong = [&] {
    return error(Code::invalid, "source: expected {}, found `{}`", kSourceForm, excerpt(source));
  };
  if (source.size() > kSourceBytesMax || !is_utf8(source)) return wrong();
  for (const char c : source) {
    if (static_cast<uint8_t>(c) < 0x21 || c == 0x7F) return wrong();
  }
  const size_t slash = source.find('/');
  if (slash == source.npos || slash == 0) return wrong();
  const size_t colon = source.find(':', slash);
  const std::string_view model = source.substr(slash + 1, colon - slash - 1);
  if (model.empty() || colon + 1 == source.size()) return wrong();
  return Status::ok();
}

Status Keyring::add_sources(std::vector<std::string> sources) {
  if (sources.empty() || sources.size() > kSourcesMax) {
    return error(Code::invalid, "sources: expected 1 to {}, found {}", kSourcesMax, sources.size());
  }
  std::set<std::string_view> seen;
  for (const std::string& source : sources) {
    TRY(check_source(source));
    if (seen.insert(source).second) continue;
    return error(Code::invalid, "sources: expected each once, found `{}` twice", source);
  }
  sources_ = std::move(sources);
  return Status::ok();
}

Result<Keyring> Keyring::parse(std::string_view json) {
  JsonLimits limits;
  limits.bytes_max = kFileBytesMax;
  limits.refuse_duplicates = true;
  TRY_ASSIGN(const Json file, parse_json(json, limits));
  TRY_ASSIGN(const std::string format, json_string(file, "format"));
  if (format != kFormat) {
    return error(Code::corrupt, "`format`: expected {}, found {}", kFormat, excerpt(format));
  }
  Keyring ring;
  TRY_ASSIGN(const std::string secret, json_string(file, "secret"));
  TRY(parse_secret(secret, ring.secret_));
  TRY_ASSIGN(const int64_t window, json_int(file, "window", 1, kWindowMax));
  ring.window_ = static_cast<int>(window);
  TRY_ASSIGN(ring.dual_key_, json_bool_or(file, "dual_key", false));
  TRY_ASSIGN(const Json* const list, json_array(file, "sources"));
  std::vector<std::string> sources;
  for (const Json& source : *list) {
    if (!source.is_string()) {
      return error(Code::corrupt, "`sources`: expected texts, found {}", json_excerpt(source));
    }
    sources.push_back(source.get<std::string>());
  }
  Status added = ring.add_sources(std::move(sources));
  if (!added.is_ok()) return error(Code::corrupt, "{}", added.message());
  return ring;
}

Result<Keyring> Keyring::read(const std::string& path) {
  TRY_ASSIGN(const std::string json, read_file(path, kFileBytesMax));
  auto ring = parse(json);
  if (!ring) return std::move(ring).status().at(path);
  return ring;
}

Result<Keyring> Keyring::make(std::vector<std::string> sources, int window, bool dual_key) {
  TRY(check_window(window));
  Keyring ring;
  ring.window_ = window;
  ring.dual_key_ = dual_key;
  TRY(ring.add_sources(std::move(sources)));
  if (RAND_priv_bytes(ring.secret_.data(), static_cast<int>(ring.secret_.size())) != 1) {
    return error(Code::internal, "the system gave no random bytes for a key");
  }
  return ring;
}

std::string Keyring::to_json() const {
  Json file = {
      {"format", kFormat}, {"secret", hex_of(secret_)}, {"window", window_}, {"sources", sources_}};
  if (dual_key_) file["dual_key"] = true;
  return file.dump(2) + "\n";
}

std::array<uint8_t, 32> Keyring::hmac(std::string_view text) const {
  std::array<uint8_t, 32> out{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const uint8_t*>(text.data()), text.size(), out.data(), &size);
  CHECK(made != nullptr && size == out.size());
  return out;
}

std::string Keyring::id() const {
  return hex_of(hmac("hearth watermark id")).substr(0, 16);
}

bool Keyring::has(std::string_view source) const {
  return std::ranges::find(sources_, source) != sources_.end();
}

SourceKeys Keyring::derive(std::string_view source) const {
  const std::array<uint8_t, 32> keys = hmac(fmt::format("hearth watermark source {}", source));
  SourceKeys out{std::string(source), window_, key_at(keys, 0), key_at(keys, 16), {}};
  if (dual_key_) out.draft = key_at(hmac(fmt::format("hearth watermark draft {}", source)), 0);
  return out;
}

std::vector<SourceKeys> Keyring::derive_all() const {
  std::vector<SourceKeys> out;
  out.reserve(sources_.size());
  for (const std::string& source : sources_) out.push_back(derive(source));
  return out;
}

}  // namespace hearth::watermark
