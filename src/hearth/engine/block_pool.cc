// See block_pool.h. All memory is taken at start: nothing here allocates later.
#include "hearth/engine/block_pool.h"

#include <algorithm>
#include <bit>

#include "hearth/backend/batch.h"
#include "hearth/base/check.h"

namespace hearth {

BlockPool::BlockPool(int64_t blocks)
    : blocks_(static_cast<size_t>(blocks)),
      tokens_(static_cast<size_t>(blocks * kKvBlockTokens)),
      buckets_(std::bit_ceil(static_cast<size_t>(2 * blocks + 1)), kNoBlock) {
  free_.reserve(blocks_.size());
  for (int64_t i = blocks; i-- > 0;) free_.push_back(static_cast<int32_t>(i));
}

int32_t BlockPool::take() {
  CHECK_GT(available(), 0);
  if (free_.empty()) {
    const int32_t evicted = oldest_;
    unlink(evicted);
    forget(evicted);
    free_.push_back(evicted);
  }
  const int32_t block = free_.back();
  free_.pop_back();
  at(block).holders = 1;
  return block;
}

void BlockPool::hold(int32_t block) {
  Block& b = at(block);
  if (b.holders++ > 0) return;
  CHECK(b.published);  // nobody may ask for a free block by its number
  unlink(block);
}

void BlockPool::release(int32_t block) {
  Block& b = at(block);
  CHECK_GT(b.holders, 0);
  if (--b.holders > 0) return;
  if (b.published) {
    link(block);
  } else {
    free_.push_back(block);
  }
}

int32_t BlockPool::by_key(const Hash128& key) const {
  int32_t block = buckets_[key.low & (buckets_.size() - 1)];
  while (block != kNoBlock && at(block).key != key) block = at(block).next_in_bucket;
  return block;
}

bool BlockPool::holds(int32_t block, int32_t parent, const BlockContent& content) const {
  const Block& b = at(block);
  return b.parent == parent && b.prompt_tokens == content.prompt_tokens &&
         b.scope == content.scope &&
         std::equal(content.tokens.begin(), content.tokens.end(),
                    tokens_.begin() + block * kKvBlockTokens);
}

int32_t BlockPool::find(const Hash128& key, int32_t parent, const BlockContent& content) const {
  const int32_t block = by_key(key);
  return block != kNoBlock && holds(block, parent, content) ? block : kNoBlock;
}

int32_t BlockPool::publish(int32_t block, const Hash128& key, int32_t parent,
                           const BlockContent& content) {
  if (const int32_t older = by_key(key); older != kNoBlock) {
    return holds(older, parent, content) ? older : kNoBlock;
  }
  Block& b = at(block);
  CHECK(b.holders > 0 && !b.published);
  CHECK_EQ(static_cast<int64_t>(content.tokens.size()), kKvBlockTokens);
  b.published = true;
  b.key = key;
  b.parent = parent;
  b.prompt_tokens = content.prompt_tokens;
  b.scope = content.scope;
  std::ranges::copy(content.tokens, tokens_.begin() + block * kKvBlockTokens);
  b.next_in_bucket = bucket(key);
  bucket(key) = block;
  return block;
}

void BlockPool::forget(int32_t block) {
  int32_t* at_link = &bucket(at(block).key);
  while (*at_link != block) at_link = &at(*at_link).next_in_bucket;
  *at_link = at(block).next_in_bucket;
  at(block).published = false;
}

// Becomes the newest of the cached blocks.
void BlockPool::link(int32_t block) {
  at(block).older = newest_;
  at(block).newer = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : at(newest_).newer) = block;
  newest_ = block;
  ++cached_;
}

void BlockPool::unlink(int32_t block) {
  const Block& b = at(block);
  (b.older == kNoBlock ? oldest_ : at(b.older).newer) = b.newer;
  (b.newer == kNoBlock ? newest_ : at(b.newer).older) = b.older;
  --cached_;
}

}  // namespace hearth
