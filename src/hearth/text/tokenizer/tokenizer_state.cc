// Text to ids: added tokens first, then for each stretch between them normalisation, splitting and
// the model, piece by piece.
#include "hearth/text/tokenizer/tokenizer_state.h"

#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

// Symbols count bytes in 32 bits; a longer stretch without an added token is cut here.
constexpr size_t kStretchBytes = size_t{1} << 28;

// Moves a cut back to the start of a character.
size_t cut_at(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  for (size_t back = 0; back < 4; ++back) {
    if ((static_cast<uint8_t>(text[at - back]) & 0xC0) != 0x80) return at - back;
  }
  return at;
}

// Spaces, then what is none.
size_t word_end(std::string_view text) {
  const size_t word = text.find_first_not_of(' ');
  return word == text.npos ? text.npos : text.find(' ', word);
}

}  // namespace

struct TokenizerState::Room {
  CharText chars;
  std::vector<size_t> ends;
  EncodeRoom model;
  std::string text;
};

void TokenizerState::encode_piece(std::string_view piece, Room& room,
                                  std::vector<int32_t>& out) const {
  std::visit([&](const auto& m) { m.encode(piece, tokens, room.model, out); }, model);
}

// NFC and the space before the text, where the vocabulary wants them; spaces for bars.
std::string_view TokenizerState::prepare(std::string_view text, bool at_start, Room& room) const {
  using SpacePrefix = VocabularyData::SpacePrefix;
  if (byte_level && !nfc && space_prefix == SpacePrefix::none) return text;
  room.text = nfc ? to_nfc(text) : std::string(text);
  if (!byte_level) room.text = spaces_from_bars(room.text);
  const bool missing = !room.text.starts_with(' ');
  const bool prefix = space_prefix == SpacePrefix::every_segment ||
                      (space_prefix == SpacePrefix::every_missing && missing) ||
                      (space_prefix == SpacePrefix::first_missing && missing && at_start);
  if (prefix) room.text.insert(room.text.begin(), ' ');
  return room.text;
}

void TokenizerState::encode_plain(std::string_view text, bool at_start, Room& room,
                                  std::vector<int32_t>& out) const {
  text = prepare(text, at_start, room);
  if (byte_level) {
    room.chars.assign(text);
    split_text(room.chars, splits, room.ends);
    size_t begin = 0;
    for (const size_t end_char : room.ends) {
      const size_t end = room.chars.offsets[end_char];
      encode_piece(text.substr(begin, end - begin), room, out);
      begin = end;
    }
    return;
  }
  while (!text.empty()) {
    const size_t end = split_at_spaces     ? text.find(' ', 1)
                       : words_stand_alone ? word_end(text)
                                           : text.size();
    encode_piece(text.substr(0, end), room, out);
    text.remove_prefix(std::min(end, text.size()));
  }
}

void TokenizerState::encode(std::string_view text, std::span<const ByteRange> trusted,
                            std::vector<int32_t>& out) const {
  Room room;
  for (const Segment& segment : added.split(text, trusted)) {
    if (segment.id >= 0) {
      out.push_back(segment.id);
      continue;
    }
    for (size_t begin = segment.begin; begin < segment.end;) {
      const size_t end = std::min(segment.end, cut_at(text, begin + kStretchBytes));
      encode_plain(text.substr(begin, end - begin), begin == 0, room, out);
      begin = end;
    }
  }
}

}  // namespace hearth
