// The two ways to turn a piece of text into tokens: BPE with a ranked list of merges, over bytes or
// over characters, and SentencePiece's BPE, where any two neighbours whose union is a token may
// merge, the best score first. Immutable after construction; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "hearth/text/tokenizer/merge.h"
#include "hearth/text/tokenizer/token_table.h"

namespace hearth {

// (left id, right id) -> Merge.
class MergeTable {
 public:
  explicit MergeTable(size_t count = 0);
  // A pair that is there already gets the new rank.
  void add(int32_t left, int32_t right, Merge merge);
  std::optional<Merge> find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t slot = seeded_hash(key) & mask_;; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].merge;
      if (slots_[slot].key == kFree) return std::nullopt;
    }
  }

 private:
  static constexpr uint64_t kFree = UINT64_MAX;  // ids are not negative
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  struct Slot {
    uint64_t key = kFree;
    Merge merge{};
  };
  std::vector<Slot> slots_;
  size_t mask_ = 0;
};

// Room for encoding, reusable from piece to piece.
struct EncodeRoom {
  std::vector<Symbol> symbols;
  Merger merger;
};

// How a model spells what is no token.
struct Fallback {
  std::array<int32_t, 256> byte_ids;  // of <0xNN>, or of the bytes themselves; -1: none
  bool bytes = false;                 // unknown characters become byte tokens
  bool fuse_unk = false;
  std::optional<int32_t> unk;
};

struct BpeModel {
  MergeTable merges;
  Fallback fallback;
  bool byte_level = true;
  bool ignore_merges = false;

  void encode(std::string_view piece, const TokenTable& tokens, EncodeRoom& room,
              std::vector<int32_t>& out) const;
};

struct SpmModel {
  std::vector<uint32_t> ranks;  // by id: the lower, the better the score
  Fallback fallback;

  void encode(std::string_view piece, const TokenTable& tokens, EncodeRoom& room,
              std::vector<int32_t>& out) const;
  // Ranks order floats from high to low. NaN has none.
  static uint32_t rank_of_score(float score);
};

}  // namespace hearth
