// See prefix_hash.h. XXH3 with a secret of our own.
#include "hearth/engine/prefix_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <random>

#include "hearth/backend/batch.h"
#include "hearth/base/check.h"

namespace hearth {

PrefixHasher PrefixHasher::random() {
  PrefixHasher out;
  std::random_device device;
  for (uint32_t& word : out.secret_) word = device();
  return out;
}

Hash128 PrefixHasher::hash(const Hash128& parent, const BlockContent& content) const {
  struct Input {
    Hash128 parent;
    PrefixScope scope;
    int64_t prompt_tokens;
    int32_t tokens[kKvBlockTokens];
  };
  static_assert(sizeof(Input) == 40 + 4 * kKvBlockTokens, "padding would be hashed");
  CHECK_EQ(static_cast<int64_t>(content.tokens.size()), kKvBlockTokens);
  Input input{parent, content.scope, content.prompt_tokens, {}};
  std::ranges::copy(content.tokens, input.tokens);
  const XXH128_hash_t h =
      XXH3_128bits_withSecret(&input, sizeof(input), secret_.data(), sizeof(secret_));
  return {h.low64, h.high64};
}

}  // namespace hearth
