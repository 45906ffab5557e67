// See contexts.h.
#include "hearth/guard/watermark/contexts.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "hearth/base/check.h"

namespace hearth::watermark {
namespace {

constexpr size_t kSlots = 2048;  // to begin with; a power of two

// Puts a fingerprint into its slot; false: it is there.
bool put(std::vector<uint64_t>& slots, uint64_t fingerprint) {
  const size_t mask = slots.size() - 1;
  size_t at = fingerprint & mask;
  while (slots[at] != 0 && slots[at] != fingerprint) at = (at + 1) & mask;
  return std::exchange(slots[at], fingerprint) == 0;
}

// Of this process: under a key that is known, two contexts could be made that look like one.
const SipKey& fingerprint_key() {
  static const SipKey key = [] {
    SipKey made;
    CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(&made), sizeof made), 1);
    return made;
  }();
  return key;
}

}  // namespace

Contexts::Contexts(int window) : window_(window), seen_(kSlots) {
  CHECK(window >= 1 && window <= kWindowMax);
}

void Contexts::clear() {
  if (taken_ == 0) return;
  std::ranges::fill(seen_, 0);
  count_ = 0;
  taken_ = 0;
  here_.reset();
}

bool Contexts::is_new(uint64_t fingerprint) {
  fingerprint = std::max<uint64_t>(fingerprint, 1);
  if (2 * (count_ + 1) > seen_.size()) {
    std::vector<uint64_t> larger(2 * seen_.size());
    for (const uint64_t old : seen_) {
      if (old != 0) put(larger, old);
    }
    seen_ = std::move(larger);
  }
  const bool added = put(seen_, fingerprint);
  count_ += added ? 1 : 0;
  return added;
}

void Contexts::take(int32_t token) {
  const auto begin = last_.begin();
  std::rotate(begin, begin + 1, begin + window_);
  last_[static_cast<size_t>(window_ - 1)] = token;
  here_.reset();
  if (++taken_ < window_) return;
  Context context;
  context.count = (window_ + 1) / 2;
  for (int i = 0; i < window_; ++i) {
    const auto id = static_cast<uint64_t>(static_cast<uint32_t>(last_[static_cast<size_t>(i)]));
    context.words[static_cast<size_t>(i / 2)] |= id << (32 * (i % 2));
  }
  if (is_new(context.under(fingerprint_key()).finish(0, 0))) here_ = context;
}

}  // namespace hearth::watermark
