// See ngram_drafter.h. The occurrences of a short key are chained as in LZ77; the longest match
// among the latest of them is taken.
#include "hearth/engine/ngram_drafter.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace hearth {
namespace {

constexpr int64_t kKeyTokens = 2;    // a shorter repetition is mostly chance
constexpr int64_t kMatchMax = 32;    // a longer match says nothing more
constexpr int kOccurrencesMax = 64;  // looked at in one call
constexpr size_t kTableMin = 1024;
constexpr int32_t kNone = -1;

uint64_t hash_before(std::span<const int32_t> tokens, int64_t end) {
  uint64_t hash = 0;
  for (int64_t i = end - kKeyTokens; i < end; ++i) {
    hash = (hash ^ static_cast<uint32_t>(tokens[static_cast<size_t>(i)])) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

// How many tokens before `end` are those at the end of all.
int64_t match_length(std::span<const int32_t> tokens, int64_t end) {
  const auto length = static_cast<int64_t>(tokens.size());
  int64_t n = 0;
  while (n < std::min(end, kMatchMax) &&
         tokens[static_cast<size_t>(end - 1 - n)] == tokens[static_cast<size_t>(length - 1 - n)]) {
    ++n;
  }
  return n;
}

}  // namespace

int32_t& NgramDrafter::latest(std::span<const int32_t> tokens, int64_t end) {
  return latest_[hash_before(tokens, end) & (latest_.size() - 1)];
}

// A table of twice the size starts anew.
void NgramDrafter::make_room(size_t tokens) {
  if (tokens <= latest_.size()) return;
  latest_.assign(std::max(kTableMin, std::bit_ceil(tokens)), kNone);
  before_.clear();
}

// All positions but the last: an occurrence must have been followed by something.
void NgramDrafter::index(std::span<const int32_t> tokens) {
  make_room(tokens.size());
  for (auto end = static_cast<int64_t>(before_.size()); end < static_cast<int64_t>(tokens.size());
       ++end) {
    before_.push_back(kNone);
    if (end < kKeyTokens) continue;
    int32_t& head = latest(tokens, end);
    before_.back() = std::exchange(head, static_cast<int32_t>(end));
  }
}

// The end of the longest match, the latest among equals; kNone: there is none.
int64_t NgramDrafter::find(std::span<const int32_t> tokens) {
  int64_t best = kNone;
  int64_t longest = kKeyTokens - 1;
  int32_t end = latest(tokens, static_cast<int64_t>(tokens.size()));
  for (int i = 0; i < kOccurrencesMax && end != kNone; ++i) {
    const int64_t length = match_length(tokens, end);
    if (length > longest) {
      longest = length;
      best = end;
    }
    end = before_[static_cast<size_t>(end)];
  }
  matched_ = best == kNone ? 0 : longest;
  return best;
}

void NgramDrafter::draft(std::span<const int32_t> tokens, int64_t count,
                         std::vector<int32_t>& drafts) {
  drafts.clear();
  matched_ = 0;
  index(tokens);
  const auto length = static_cast<int64_t>(tokens.size());
  if (length < kKeyTokens) return;
  const int64_t end = find(tokens);
  if (end == kNone) return;
  // A match that reaches the end of all goes on into its own guesses: a cycle goes round.
  for (int64_t i = 0; i < count; ++i) {
    const int64_t from = end + i;
    drafts.push_back(from < length ? tokens[static_cast<size_t>(from)]
                                   : drafts[static_cast<size_t>(from - length)]);
  }
}

}  // namespace hearth
