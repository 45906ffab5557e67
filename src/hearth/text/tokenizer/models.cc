// First symbols, then merge_symbols' loop, then ids.
#include "hearth/text/tokenizer/models.h"

#include <bit>

#include "hearth/base/check.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// Bytes as tokens. A byte that the vocabulary cannot say (older DeepSeek vocabularies lack those
// that no UTF-8 has) becomes U+FFFD; what still has no token is unk, or is dropped.
void byte_symbols(std::string_view piece, const Fallback& fallback, std::vector<Symbol>& symbols) {
  for (uint32_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<uint8_t>(piece[i]);
    const int32_t id = fallback.byte_ids[byte];
    if (id >= 0) {
      symbols.push_back({id, i, i + 1});
      continue;
    }
    const bool never_utf8 = byte == 0xC0 || byte == 0xC1 || byte > 0xF4;
    if (never_utf8) {
      for (const char part : kReplacement) {
        const int32_t part_id = fallback.byte_ids[static_cast<uint8_t>(part)];
        if (part_id >= 0) symbols.push_back({part_id, i, i + 1});
      }
    } else if (fallback.unk) {
      symbols.push_back({*fallback.unk, i, i + 1});
    }
  }
}

// Byte tokens of one unknown character, or unk.
void fall_back(std::string_view bytes, uint32_t begin, const Fallback& fallback,
               std::vector<Symbol>& symbols) {
  bool all = fallback.bytes;
  for (const char b : bytes) all = all && fallback.byte_ids[static_cast<uint8_t>(b)] >= 0;
  const auto end = begin + static_cast<uint32_t>(bytes.size());
  if (all) {
    for (uint32_t i = begin; i < end; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i - begin]);
      symbols.push_back({fallback.byte_ids[byte], i, i + 1});
    }
  } else if (fallback.unk) {
    const bool fuse = fallback.fuse_unk && !symbols.empty() && symbols.back().id == *fallback.unk;
    if (fuse) {
      symbols.back().end = end;
    } else {
      symbols.push_back({*fallback.unk, begin, end});
    }
  }
}

void char_symbols(std::string_view piece, const TokenTable& tokens, const Fallback& fallback,
                  std::vector<Symbol>& symbols) {
  for (uint32_t at = 0; at < piece.size();) {
    const uint32_t bytes = decode_utf8(piece, at).bytes;
    const std::string_view text = piece.substr(at, bytes);
    const int32_t id = tokens.find(text);
    if (id >= 0) {
      symbols.push_back({id, at, at + bytes});
    } else {
      fall_back(text, at, fallback, symbols);
    }
    at += bytes;
  }
}

}  // namespace

MergeTable::MergeTable(size_t count)
    : slots_(std::bit_ceil(2 * count + 2)), mask_(slots_.size() - 1) {}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t slot = seeded_hash(key) & mask_;
  while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & mask_;
  slots_[slot] = {key, merge};
}

void BpeModel::encode(std::string_view piece, const TokenTable& tokens, EncodeRoom& room,
                      std::vector<int32_t>& out) const {
  if (ignore_merges) {
    if (const int32_t id = tokens.find(piece); id >= 0) return out.push_back(id);
  }
  room.symbols.clear();
  if (byte_level) {
    byte_symbols(piece, fallback, room.symbols);
  } else {
    char_symbols(piece, tokens, fallback, room.symbols);
  }
  room.merger.run(room.symbols, [this](const Symbol& left, const Symbol& right) {
    return merges.find(left.id, right.id);
  });
  for (const Symbol& symbol : room.symbols) out.push_back(symbol.id);
}

uint32_t SpmModel::rank_of_score(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 and 0 are one score
  const uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~rising;
}

void SpmModel::encode(std::string_view piece, const TokenTable& tokens, EncodeRoom& room,
                      std::vector<int32_t>& out) const {
  std::vector<Symbol>& symbols = room.symbols;
  symbols.clear();
  for (uint32_t at = 0; at < piece.size();) {
    const uint32_t bytes = decode_utf8(piece, at).bytes;
    symbols.push_back({tokens.find(piece.substr(at, bytes)), at, at + bytes});
    at += bytes;
  }
  const auto find = [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const int32_t id = tokens.find(piece.substr(left.begin, right.end - left.begin));
    if (id < 0) return std::nullopt;
    return Merge{ranks[static_cast<size_t>(id)], id};
  };
  room.merger.run(symbols, find);
  std::vector<Symbol> spelled;
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
      continue;
    }
    spelled.clear();
    fall_back(piece.substr(symbol.begin, symbol.end - symbol.begin), symbol.begin, fallback,
              spelled);
    for (const Symbol& part : spelled) out.push_back(part.id);
  }
}

}  // namespace hearth
