// Finds tokens that are matched literally before text is split: control tokens and the other added
// ones. Which of them a place may hold is the security border between template and user text:
// control tokens, and added tokens that look like markup (<think>, <｜User｜>, [INST]), are only
// found where the caller trusts the text; plain added tokens are found everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/tokenizer/tokenizer.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {

// A stretch of text that is one added token, or plain text (id -1).
struct Segment {
  size_t begin, end;
  int32_t id;
};

class AddedTokens {
 public:
  // Contents are not empty and at most kContentMax bytes; ids are the caller's to check.
  static constexpr size_t kContentMax = 1024;
  void add(const AddedToken& token);

  // `trusted`: rising, without overlap or contact.
  std::vector<Segment> split(std::string_view text, std::span<const ByteRange> trusted) const;

  // -1: none has this content.
  int32_t find(std::string_view content) const;
  static bool is_guarded(const AddedToken& token);

 private:
  // Contents as a trie: children of a node are a list.
  struct Node {
    uint8_t byte = 0;
    int32_t child = -1, sibling = -1;
    int32_t token = -1;  // index in tokens_
  };
  struct Trie {
    std::vector<Node> nodes = std::vector<Node>(1);
    int32_t step(int32_t node, uint8_t byte) const;
    void add(std::string_view content, int32_t token);
  };

  void scan(const Trie& trie, std::string_view text, size_t begin, size_t end,
            std::span<const ByteRange> trusted, std::vector<Segment>& out) const;
  // The longest allowed token at `at`: index in tokens_, or -1.
  int32_t match(const Trie& trie, std::string_view text, size_t at, size_t end,
                std::span<const ByteRange> trusted) const;

  std::vector<AddedToken> tokens_;
  Trie exact_, normalized_;
  std::unordered_map<std::string, int32_t> ids_;
};

}  // namespace hearth
