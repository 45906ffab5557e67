// The name of a full KV block: a keyed 128-bit hash of everything that its bits depend on, with the
// block before it. The key is drawn at start, so nobody outside can aim for a collision; a hit is
// compared token by token nevertheless.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace hearth {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

// Who may share cached blocks: the same tenant, with the same adapter.
struct PrefixScope {
  uint64_t tenant = 0;
  uint64_t adapter = 0;  // 0: the bare model
  bool operator==(const PrefixScope&) const = default;
};

// What a full block holds. Its first `prompt_tokens` tokens have the role of a prompt, the others
// were generated: the two are computed in different ways.
struct BlockContent {
  std::span<const int32_t> tokens;  // [kKvBlockTokens]
  int64_t prompt_tokens = 0;
  PrefixScope scope;
};

// Thread-safe (const).
class PrefixHasher {
 public:
  // With a key from the system's source of randomness.
  static PrefixHasher random();

  Hash128 hash(const Hash128& parent, const BlockContent& content) const;

 private:
  std::array<uint32_t, 48> secret_;
};

}  // namespace hearth
