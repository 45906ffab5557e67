// See states.h: the tokens that may follow a state. Most states of a JSON grammar either allow few
// tokens, which the walk finds at once, or stand inside a string, where the tokens of ordinary
// characters are known by their length and only the others are walked.
#include <algorithm>
#include <bit>

#include "hearth/text/grammar/states.h"
#include "hearth/text/grammar/utf8_sequences.h"

namespace hearth::grammar {
namespace {

// Ordinary characters of a string, as bytes.
const std::vector<Utf8Sequence>& plain_sequences() {
  static const std::vector<Utf8Sequence> sequences = [] {
    std::vector<Utf8Sequence> out;
    utf8_sequences(0x20, '"' - 1, out);
    utf8_sequences('"' + 1, '\\' - 1, out);
    utf8_sequences('\\' + 1, kCodePointMax, out);
    return out;
  }();
  return sequences;
}

}  // namespace

// The state after any ordinary character, where it is the same for all of them; kDead where none
// may follow.
std::optional<StateId> States::after_plain_character(StateId state) {
  std::optional<StateId> common;
  for (const Utf8Sequence& s : plain_sequences()) {
    std::vector<StateId> from = {state}, to;
    for (int i = 0; i < s.length; ++i) {
      const ByteSpan span = s.spans[static_cast<size_t>(i)];
      to.clear();
      for (StateId f : from) {
        int32_t last_class = -1;
        for (int byte = span.first; byte <= span.last; ++byte) {
          const int32_t byte_class = automaton_.class_of[static_cast<size_t>(byte)];
          if (byte_class == last_class) continue;
          last_class = byte_class;
          const StateId reached = next(f, static_cast<uint8_t>(byte));
          if (std::ranges::find(to, reached) == to.end()) to.push_back(reached);
          // One byte that isn't the last may lead to several states; the last must lead to one.
          if (i + 1 == s.length && to.size() > 1) return std::nullopt;
        }
      }
      from.swap(to);
    }
    if (from.size() != 1 || common.value_or(from[0]) != from[0]) return std::nullopt;
    common = from[0];
  }
  return common;
}

// The plain tokens, if their number of characters decides; false: they must be walked.
bool States::plain_tokens(StateId state, std::span<uint64_t> out) {
  size_t characters = 0;
  for (StateId at = state; characters < tokens_.plain_longest(); ++characters) {
    const std::optional<StateId> to = after_plain_character(at);
    if (!to || *to == kLost) return false;
    if (*to == at) {
      characters = kPlainLengthMax;
      break;
    }
    if (*to == kDead) break;
    at = *to;
  }
  const TokenSet& allowed = tokens_.plain_up_to(std::min(characters, kPlainLengthMax));
  for (size_t i = 0; i < out.size(); ++i) out[i] |= allowed[i];
  return true;
}

bool States::walk(const std::vector<TokenTrie::Node>& nodes, StateId from,
                  std::span<uint64_t> out) {
  path_[0] = from;
  const auto end = static_cast<int32_t>(nodes.size());
  for (int32_t i = 0; i < end;) {
    const TokenTrie::Node& node = nodes[static_cast<size_t>(i)];
    const StateId to = next(path_[node.depth], node.byte);
    if (to == kDead) {
      i = node.end;
      continue;
    }
    if (to == kLost) return false;
    path_[static_cast<size_t>(node.depth) + 1] = to;
    for (int32_t k = node.first; k < node.first + node.count; ++k) {
      const auto id = static_cast<uint32_t>(tokens_.ids()[static_cast<size_t>(k)]);
      out[id / 64] |= uint64_t{1} << (id % 64);
    }
    ++i;
  }
  return true;
}

void States::keep_mask(StateId state, std::span<const uint64_t> bits) {
  Mask mask;
  size_t allowed = 0;
  for (uint64_t word : bits) allowed += static_cast<size_t>(std::popcount(word));
  mask.sparse = allowed * 4 < bits.size();
  if (mask.sparse) {
    for (size_t i = 0; i < bits.size(); ++i) {
      for (uint64_t word = bits[i]; word != 0; word &= word - 1) {
        mask.ids.push_back(static_cast<int32_t>(i * 64) + std::countr_zero(word));
      }
    }
  } else {
    mask.bits.assign(bits.begin(), bits.end());
  }
  bytes_ += static_cast<int64_t>(sizeof(Mask) + mask.bits.size() * 8 + mask.ids.size() * 4);
  states_[static_cast<size_t>(state)].mask = static_cast<int32_t>(masks_.size());
  masks_.push_back(std::move(mask));
}

bool States::mask(StateId state, std::span<uint64_t> out) {
  CHECK_EQ(out.size(), tokens_.words());
  if (state == kLost) return false;
  std::ranges::fill(out, 0);
  if (const int32_t known = states_[static_cast<size_t>(state)].mask; known >= 0) {
    const Mask& mask = masks_[static_cast<size_t>(known)];
    if (!mask.sparse) std::ranges::copy(mask.bits, out.begin());
    for (int32_t id : mask.ids) out[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    return true;
  }
  if (!plain_tokens(state, out) && !walk(tokens_.plain(), state, out)) return false;
  if (!walk(tokens_.rest(), state, out)) return false;
  keep_mask(state, out);
  return true;
}

}  // namespace hearth::grammar
