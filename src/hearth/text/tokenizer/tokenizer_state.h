// What a Tokenizer holds after its vocabulary was checked. Built once, shared, never changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/text/tokenizer/added_tokens.h"
#include "hearth/text/tokenizer/models.h"
#include "hearth/text/tokenizer/pre_tokenizer.h"
#include "hearth/text/tokenizer/token_table.h"
#include "hearth/text/tokenizer/tokenizer.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {

struct TokenizerState {
  TokenTable tokens;  // bytes by id; finds the tokens that text may become
  AddedTokens added;
  std::vector<uint8_t> special;  // by id
  std::variant<BpeModel, SpmModel> model;

  bool byte_level = true;
  bool nfc = false;
  std::vector<Split> splits;
  VocabularyData::SpacePrefix space_prefix = VocabularyData::SpacePrefix::none;
  bool split_at_spaces = false;
  // No token has a space after another character: merges never cross the start of a word, so words
  // may be encoded one by one, which is faster and changes nothing.
  bool words_stand_alone = false;
  bool strip_leading_space = false;

  std::optional<int32_t> bos, eos;
  std::vector<int32_t> prefix, suffix;

  static Result<TokenizerState> build(VocabularyData data);

  bool in_range(int32_t id) const { return id >= 0 && id < tokens.size(); }
  void encode(std::string_view text, std::span<const ByteRange> trusted,
              std::vector<int32_t>& out) const;

 private:
  struct Room;
  void encode_plain(std::string_view text, bool at_start, Room& room,
                    std::vector<int32_t>& out) const;
  void encode_piece(std::string_view piece, Room& room, std::vector<int32_t>& out) const;
  std::string_view prepare(std::string_view text, bool at_start, Room& room) const;
};

}  // namespace hearth
