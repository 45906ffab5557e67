// TokenTrie: a vocabulary as one tree of bytes, flat and in depth-first order, for walks that leave
// out a whole subtree at its first wrong byte. Tokens that hold nothing but ordinary characters of
// a string stand in a tree of their own: where a grammar takes any such character they are known by
// their length, without a walk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::grammar {

// A set of token ids: bit i of word i / 64.
using TokenSet = std::vector<uint64_t>;

inline constexpr size_t kPlainLengthMax = 32;  // characters; a longer token is not held as plain

// How a grammar spells the mark of this number, a token that is no text: a byte that stands in no
// UTF-8, so that no text can spell it, and the number.
std::string mark_spelling(size_t number);

class TokenTrie {
 public:
  struct Node {
    int32_t end;           // index after the subtree
    int32_t first, count;  // ids()[first .. first + count): tokens that end here
    uint16_t depth;        // bytes before this one
    uint8_t byte;
  };

  // Special tokens, thought tags and ids without bytes are left out: no grammar ever allows them.
  // Of these, marks[i] (-1: none) comes as the mark of number i.
  static TokenTrie of(const Tokenizer& tokenizer, int64_t vocab_size,
                      std::span<const int32_t> marks = {});
  // Token i is tokens[i]; an empty one is left out.
  static TokenTrie of(std::vector<std::string> tokens);

  int64_t vocab_size() const { return static_cast<int64_t>(tokens_.size()); }
  size_t words() const { return (tokens_.size() + 63) / 64; }
  // "" for what is left out.
  std::string_view bytes(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }

  const std::vector<Node>& plain() const { return plain_; }
  const std::vector<Node>& rest() const { return rest_; }
  const std::vector<int32_t>& ids() const { return ids_; }
  int32_t depth_max() const { return depth_max_; }
  // The plain tokens of up to `characters`, a begun one counted; kPlainLengthMax: all.
  const TokenSet& plain_up_to(size_t characters) const { return plain_up_to_[characters]; }
  // Whether an end within `characters` can be told from the length alone: no token is longer.
  size_t plain_longest() const { return plain_longest_; }

  // Marks are tokens; false: a grammar must spell their text.
  bool has_marks() const { return has_marks_; }

  int64_t memory() const;

 private:
  explicit TokenTrie(std::vector<std::string> tokens);
  void build(const std::vector<int32_t>& sorted, std::vector<Node>& out);

  std::vector<std::string> tokens_;
  std::vector<Node> plain_, rest_;
  std::vector<int32_t> ids_;  // sorted by bytes, of the plain tree and then of the rest
  std::vector<TokenSet> plain_up_to_;
  size_t plain_longest_ = 0;
  int32_t depth_max_ = 0;
  bool has_marks_ = false;
};

}  // namespace hearth::grammar
