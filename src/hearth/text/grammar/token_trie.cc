// See token_trie.h.
#include "hearth/text/grammar/token_trie.h"

#include <algorithm>
#include <optional>

namespace hearth::grammar {
namespace {

constexpr size_t kTokenBytesMax = 4096;  // a longer token is left out
constexpr char kMarkByte = '\xFF';

int sequence_length(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Whether `b` may follow `lead` as the second byte (Unicode 15, table 3-7).
bool second_byte_ok(uint8_t lead, uint8_t b) {
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return b >= low && b <= high;
}

// Characters of a text that a JSON string can hold as they are, an unfinished one at its end
// counted; nullopt: something else is in it.
std::optional<size_t> plain_length(std::string_view text) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++characters) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const int length = sequence_length(lead);
    if (length == 0 || lead < 0x20 || lead == '"' || lead == '\\') return std::nullopt;
    for (int k = 1; k < length && i + static_cast<size_t>(k) < text.size(); ++k) {
      const auto b = static_cast<uint8_t>(text[i + static_cast<size_t>(k)]);
      if (k == 1 ? !second_byte_ok(lead, b) : (b & 0xC0) != 0x80) return std::nullopt;
    }
    i += static_cast<size_t>(length);
  }
  return characters;
}

// A token that looks like markup and that ordinary text never becomes: <think>, a tool's tags.
bool is_guarded(const Tokenizer& tokenizer, int32_t id, std::string_view bytes) {
  if (tokenizer.is_special(id)) return true;
  if (bytes.size() < 3 || bytes.front() != '<' || bytes.back() != '>') return false;
  EncodeOptions options;
  options.add_special_prefix_suffix = false;
  const std::vector<int32_t> ids = tokenizer.encode(bytes, options);
  return std::ranges::find(ids, id) == ids.end();
}

}  // namespace

std::string mark_spelling(size_t number) {
  CHECK_LT(number, size_t{0x80});
  return {kMarkByte, static_cast<char>(number)};
}

TokenTrie TokenTrie::of(const Tokenizer& tokenizer, int64_t vocab_size,
                        std::span<const int32_t> marks) {
  std::vector<std::string> tokens(static_cast<size_t>(vocab_size));
  for (int32_t id = 0; id < std::min<int64_t>(vocab_size, tokenizer.vocab_size()); ++id) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    // The lone byte, as some vocabularies have it, would begin a mark.
    const bool stands_in_text = bytes.find(kMarkByte) == bytes.npos;
    if (stands_in_text && !is_guarded(tokenizer, id, bytes)) {
      tokens[static_cast<size_t>(id)] = bytes;
    }
  }
  for (size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] >= 0 && marks[i] < vocab_size) {
      tokens[static_cast<size_t>(marks[i])] = mark_spelling(i);
    }
  }
  TokenTrie out(std::move(tokens));
  out.has_marks_ = !marks.empty();
  return out;
}

TokenTrie TokenTrie::of(std::vector<std::string> tokens) {
  return TokenTrie(std::move(tokens));
}

TokenTrie::TokenTrie(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
  std::vector<int32_t> plain, rest;
  std::vector<std::vector<int32_t>> by_length(kPlainLengthMax + 1);
  for (int32_t id = 0; id < static_cast<int32_t>(tokens_.size()); ++id) {
    std::string& token = tokens_[static_cast<size_t>(id)];
    if (token.size() > kTokenBytesMax) token.clear();
    if (token.empty()) continue;
    const auto length = plain_length(token);
    const bool is_plain = length && *length <= kPlainLengthMax;
    (is_plain ? plain : rest).push_back(id);
    if (is_plain) {
      by_length[*length].push_back(id);
      plain_longest_ = std::max(plain_longest_, *length);
    }
  }
  const auto by_bytes = [&](int32_t a, int32_t b) { return bytes(a) < bytes(b); };
  std::ranges::stable_sort(plain, by_bytes);
  std::ranges::stable_sort(rest, by_bytes);
  build(plain, plain_);
  build(rest, rest_);
  TokenSet set(words(), 0);
  for (const std::vector<int32_t>& ids : by_length) {
    for (int32_t id : ids) set[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    plain_up_to_.push_back(set);
  }
}

// Depth first: the nodes of a token's bytes that the token before it doesn't have.
void TokenTrie::build(const std::vector<int32_t>& sorted, std::vector<Node>& out) {
  std::vector<int32_t> path;  // nodes from the root to the last token's end
  std::string_view before;
  for (int32_t id : sorted) {
    const std::string_view text = bytes(id);
    const auto at = static_cast<int32_t>(ids_.size());
    ids_.push_back(id);
    const auto common =
        static_cast<size_t>(std::ranges::mismatch(before, text).in1 - before.begin());
    for (; path.size() > common; path.pop_back()) {
      out[static_cast<size_t>(path.back())].end = static_cast<int32_t>(out.size());
    }
    for (size_t i = common; i < text.size(); ++i) {
      path.push_back(static_cast<int32_t>(out.size()));
      out.push_back({0, at, 0, static_cast<uint16_t>(i), static_cast<uint8_t>(text[i])});
    }
    Node& last = out[static_cast<size_t>(path.back())];
    if (last.count++ == 0) last.first = at;
    before = text;
    depth_max_ = std::max(depth_max_, static_cast<int32_t>(text.size()));
  }
  for (int32_t node : path) out[static_cast<size_t>(node)].end = static_cast<int32_t>(out.size());
}

int64_t TokenTrie::memory() const {
  return static_cast<int64_t>((plain_.size() + rest_.size()) * sizeof(Node) +
                              plain_up_to_.size() * words() * 8);
}

}  // namespace hearth::grammar
