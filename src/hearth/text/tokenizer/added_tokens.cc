// A trie walk at each place where the first byte fits: leftmost, longest, as the tokenizers package
// matches. Contents are short (kContentMax), so the walk is bounded.
#include "hearth/text/tokenizer/added_tokens.h"

#include <algorithm>

#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

bool inside(std::span<const ByteRange> trusted, size_t begin, size_t end) {
  const auto after =
      std::ranges::upper_bound(trusted, static_cast<int64_t>(begin), {}, &ByteRange::begin);
  return after != trusted.begin() && std::prev(after)->end >= static_cast<int64_t>(end);
}

// Start of the character that ends at `end` > begin.
size_t char_before(std::string_view text, size_t begin, size_t end) {
  for (size_t back = 1; back <= 4 && end - begin >= back; ++back) {
    if (decode_utf8(text, end - back).bytes == back) return end - back;
  }
  return end - 1;
}

bool word_at(std::string_view text, size_t at) {
  return is_word_char(decode_utf8(text, at).code_point);
}

bool stands_alone(std::string_view text, size_t begin, size_t end, size_t from, size_t to) {
  const bool word_before = from > begin && word_at(text, char_before(text, begin, from));
  const bool word_after = to < end && word_at(text, to);
  return !word_before && !word_after;
}

size_t skip_space(std::string_view text, size_t at, size_t end) {
  while (at < end) {
    const DecodedChar c = decode_utf8(text, at);
    if (!(unicode_classes(c.code_point) & kSpace)) break;
    at += c.bytes;
  }
  return std::min(at, end);
}

size_t skip_space_back(std::string_view text, size_t begin, size_t at) {
  while (at > begin) {
    const size_t before = char_before(text, begin, at);
    if (!(unicode_classes(decode_utf8(text, before).code_point) & kSpace)) break;
    at = before;
  }
  return at;
}

}  // namespace

bool AddedTokens::is_guarded(const AddedToken& token) {
  const std::string& text = token.content;
  const bool markup = text.size() >= 2 && ((text.front() == '<' && text.back() == '>') ||
                                           (text.front() == '[' && text.back() == ']'));
  return token.special || markup;
}

int32_t AddedTokens::Trie::step(int32_t node, uint8_t byte) const {
  int32_t child = nodes[static_cast<size_t>(node)].child;
  while (child >= 0 && nodes[static_cast<size_t>(child)].byte != byte) {
    child = nodes[static_cast<size_t>(child)].sibling;
  }
  return child;
}

void AddedTokens::Trie::add(std::string_view content, int32_t token) {
  int32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<uint8_t>(c);
    int32_t next = step(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes.size());
      nodes.push_back({byte, -1, nodes[static_cast<size_t>(node)].child, -1});
      nodes[static_cast<size_t>(node)].child = next;
    }
    node = next;
  }
  nodes[static_cast<size_t>(node)].token = token;
}

void AddedTokens::add(const AddedToken& token) {
  const auto index = static_cast<int32_t>(tokens_.size());
  (token.normalized ? normalized_ : exact_).add(token.content, index);
  ids_[token.content] = token.id;
  tokens_.push_back(token);
}

int32_t AddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? -1 : found->second;
}

int32_t AddedTokens::match(const Trie& trie, std::string_view text, size_t at, size_t end,
                           std::span<const ByteRange> trusted) const {
  int32_t best = -1;
  int32_t node = 0;
  for (size_t i = at; i < end; ++i) {
    node = trie.step(node, static_cast<uint8_t>(text[i]));
    if (node < 0) break;
    const int32_t token = trie.nodes[static_cast<size_t>(node)].token;
    if (token < 0) continue;
    if (!is_guarded(tokens_[static_cast<size_t>(token)]) || inside(trusted, at, i + 1)) {
      best = token;
    }
  }
  return best;
}

void AddedTokens::scan(const Trie& trie, std::string_view text, size_t begin, size_t end,
                       std::span<const ByteRange> trusted, std::vector<Segment>& out) const {
  size_t done = begin;
  for (size_t at = begin; at < end;) {
    const int32_t found = match(trie, text, at, end, trusted);
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(found)];
    size_t from = at;
    size_t to = at + token.content.size();
    at = to;
    if (token.single_word && !stands_alone(text, begin, end, from, to)) continue;
    if (token.lstrip) from = skip_space_back(text, done, from);
    if (token.rstrip) to = skip_space(text, to, end);
    if (done < from) out.push_back({done, from, -1});
    out.push_back({from, to, token.id});
    done = at = to;
  }
  if (done < end) out.push_back({done, end, -1});
}

std::vector<Segment> AddedTokens::split(std::string_view text,
                                        std::span<const ByteRange> trusted) const {
  std::vector<Segment> first;
  scan(exact_, text, 0, text.size(), trusted, first);
  if (normalized_.nodes.size() == 1) return first;
  std::vector<Segment> all;
  for (const Segment& segment : first) {
    if (segment.id >= 0) {
      all.push_back(segment);
    } else {
      scan(normalized_, text, segment.begin, segment.end, trusted, all);
    }
  }
  return all;
}

}  // namespace hearth
