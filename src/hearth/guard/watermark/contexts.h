// Contexts: which places of an answer bear the mark: those behind `window` tokens that stood in
// this order nowhere before. One rule for whoever marks and whoever looks for marks. At a context
// that comes again the same numbers would come again, and favour the same token: there the seed
// draws, and the detector doesn't count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "hearth/base/siphash.h"
#include "hearth/guard/watermark/keyring.h"

namespace hearth::watermark {

// Tokens of context, two a word, as they go into the keyed function.
struct Context {
  std::array<uint64_t, kWindowMax / 2> words{};
  int count = 0;  // of words

  // The function of a key behind these tokens: u(key, context, token) is its end with the token's
  // four bytes.
  SipHash under(const SipKey& key) const {
    SipHash state(key);
    for (int i = 0; i < count; ++i) state.absorb(words[static_cast<size_t>(i)]);
    return state;
  }
};

inline constexpr uint64_t kTokenBytes = 4;

inline uint64_t number_of(const SipHash& place, int32_t token) {
  return place.finish(static_cast<uint32_t>(token), kTokenBytes);
}

// The half of all tokens that a greedy answer prefers at a place.
inline bool is_green(uint64_t number) {
  return number >> 63;
}

class Contexts {
 public:
  // `window` tokens, 1 to kWindowMax.
  explicit Contexts(int window);

  // From its beginning.
  void clear();
  // One token more.
  void take(int32_t token);
  // Of the place behind all tokens taken; nullopt: it bears no mark.
  const std::optional<Context>& here() const { return here_; }

 private:
  bool is_new(uint64_t fingerprint);

  const int window_;
  std::array<int32_t, kWindowMax> last_{};  // the youngest last
  int64_t taken_ = 0;
  std::optional<Context> here_;
  // Fingerprints of the contexts seen, by open addressing: at most half of the slots are taken, 0
  // stands for an empty one.
  std::vector<uint64_t> seen_;
  size_t count_ = 0;
};

}  // namespace hearth::watermark
