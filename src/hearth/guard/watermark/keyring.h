// Keyring: the secret that answers are marked with, and the sources that it speaks for. A file,
// readable by its owner alone:
//   {"format": "hearth-watermark-1", "secret": "64 hex digits", "window": 4,
//    "sources": ["clinic/r1-1.5b", "clinic/r1-1.5b:letters"], "dual_key": false}
// `dual_key` (may be left out): guesses of a smaller network are drawn by a key of their own.
// A source is ORGANISATION/MODEL, with an adapter ORGANISATION/MODEL:ADAPTER. Each has keys of its
// own, derived from the secret by HMAC-SHA256 of its name: which key fits says which source wrote.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/siphash.h"
#include "hearth/base/status.h"

namespace hearth::watermark {

inline constexpr int kWindowDefault = 4;
inline constexpr int kWindowMax = 8;
inline constexpr size_t kSourcesMax = 4096;
inline constexpr size_t kSourceBytesMax = 128;

// What marks the answers of one source, and finds them again.
struct SourceKeys {
  std::string source;
  int window = kWindowDefault;  // tokens of context that a number depends on
  SipKey race;                  // of draws at a temperature
  SipKey green;                 // of greedy answers
  std::optional<SipKey> draft;  // of guesses, where these have a key of their own
};

class Keyring {
 public:
  // corrupt: not this form, a secret of another length, a window beyond [1, 8], no source or the
  // same twice.
  static Result<Keyring> parse(std::string_view json);
  static Result<Keyring> read(const std::string& path);
  // A new secret. invalid: a source that is none, or stands twice; a window beyond [1, 8].
  static Result<Keyring> make(std::vector<std::string> sources, int window, bool dual_key = false);

  std::string to_json() const;
  // Names the secret and doesn't give it away: 16 hex digits.
  std::string id() const;
  const std::vector<std::string>& sources() const { return sources_; }
  bool has(std::string_view source) const;
  bool dual_key() const { return dual_key_; }
  SourceKeys derive(std::string_view source) const;
  std::vector<SourceKeys> derive_all() const;

 private:
  Keyring() = default;
  Status add_sources(std::vector<std::string> sources);
  std::array<uint8_t, 32> hmac(std::string_view text) const;

  std::array<uint8_t, 32> secret_{};
  int window_ = kWindowDefault;
  bool dual_key_ = false;
  std::vector<std::string> sources_;
};

// invalid: not ORGANISATION/MODEL or ORGANISATION/MODEL:ADAPTER of printable UTF-8, or longer than
// 128 bytes.
Status check_source(std::string_view source);

}  // namespace hearth::watermark
