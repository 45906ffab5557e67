// BlockPool: hands out the numbers of KV cache blocks, counts their holders and remembers what full
// blocks hold, so that another sequence may hold them, too. It never sees memory.
//
//   free      nothing of use in it
//   cached    no holder; its content may be asked for again, the longest unused is taken first
//   held      one holder or several; a published one is found by others
//
// A block is published with the block before it (its parent), and who holds a block holds its
// parent. Holders let go of the last block first, so a parent is never reused before its children:
// the number of a parent stands for its content.
#pragma once

#include <cstdint>
#include <vector>

#include "hearth/engine/prefix_hash.h"

namespace hearth {

inline constexpr int32_t kNoBlock = -1;

class BlockPool {
 public:
  explicit BlockPool(int64_t blocks);

  int64_t total() const { return static_cast<int64_t>(blocks_.size()); }
  int64_t free() const { return static_cast<int64_t>(free_.size()); }
  int64_t cached() const { return cached_; }
  int64_t held() const { return total() - free() - cached(); }
  int64_t available() const { return free() + cached(); }

  // A block for one holder; there must be one available.
  int32_t take();
  void hold(int32_t block);
  void release(int32_t block);
  bool is_held(int32_t block) const { return at(block).holders > 0; }

  // The published block of this content, kNoBlock: there is none. `parent` is kNoBlock for the
  // first block of a sequence.
  int32_t find(const Hash128& key, int32_t parent, const BlockContent& content) const;
  // Makes a held block known. Returns the block that others will find: itself, an older one of the
  // same content, or kNoBlock when an other content has this hash.
  int32_t publish(int32_t block, const Hash128& key, int32_t parent, const BlockContent& content);

 private:
  struct Block {
    int32_t holders = 0;
    bool published = false;
    Hash128 key;
    int32_t parent = kNoBlock;
    int64_t prompt_tokens = 0;
    PrefixScope scope;
    int32_t next_in_bucket = kNoBlock;
    int32_t older = kNoBlock;  // neighbours among the cached blocks
    int32_t newer = kNoBlock;
  };
  Block& at(int32_t block) { return blocks_[static_cast<size_t>(block)]; }
  const Block& at(int32_t block) const { return blocks_[static_cast<size_t>(block)]; }
  int32_t& bucket(const Hash128& key) { return buckets_[key.low & (buckets_.size() - 1)]; }
  int32_t by_key(const Hash128& key) const;
  bool holds(int32_t block, int32_t parent, const BlockContent& content) const;
  void forget(int32_t block);
  void link(int32_t block);
  void unlink(int32_t block);

  std::vector<Block> blocks_;
  std::vector<int32_t> tokens_;  // [blocks, kKvBlockTokens] of published blocks
  std::vector<int32_t> buckets_;
  std::vector<int32_t> free_;
  int64_t cached_ = 0;
  int32_t oldest_ = kNoBlock;
  int32_t newest_ = kNoBlock;
};

}  // namespace hearth
