// A tokenizer as its file states it, in one neutral struct: the readers of tokenizer.json and of
// GGUF metadata fill it, Tokenizer::from_vocabulary checks it and builds from it, converters read
// it. Nothing in it is trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/tokenizer/pre_tokenizer.h"

namespace hearth {

// Numbers are those of GGUF's tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  missing = 0,  // no token has this id
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,  // a padding row of the embedding
  byte = 6,    // <0xNN>
};

// A token that is matched as it stands, before the text is split (tokenizer.json's added_tokens).
struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;      // a control token: dropped by decode(skip_special)
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool single_word = false;  // not next to a word character
  bool normalized = false;   // matched after those that are not
};

struct VocabularyData {
  enum class Model { bpe, spm };  // pairs merge by rank in a list, or by the score of their union
  // Where a space is put before text, for vocabularies that spell the space ▁.
  enum class SpacePrefix {
    none,
    every_segment,  // of the text between added tokens
    every_missing,  // ... unless it starts with a space
    first_missing,  // only at the start of the text, unless it starts with a space
  };

  Model model = Model::bpe;
  bool byte_level = true;     // tokens spell bytes in GPT-2's alphabet; else ▁ spells the space
  std::string pre_tokenizer;  // name as in GGUF files, for byte_level; "" when it has none
  std::vector<Split> splits;  // instead of the name, when not empty
  bool nfc = false;           // text is brought to NFC first

  std::vector<std::string> tokens;                          // by id, as spelled in the file
  std::vector<TokenType> types;                             // by id; empty: all normal
  std::vector<float> scores;                                // by id, for spm
  std::vector<std::pair<std::string, std::string>> merges;  // by rank, for bpe
  std::vector<AddedToken> added_tokens;  // beside the control and user-defined types

  std::optional<int32_t> bos, eos, unk, pad;
  std::vector<int32_t> prefix, suffix;  // added around a text: usually {bos} and {}
  bool byte_fallback = false;           // unknown characters become <0xNN> tokens
  bool fuse_unk = false;                // neighbouring unknown characters become one unk
  bool ignore_merges = false;           // a piece that is a token stays whole (Llama 3)
  SpacePrefix space_prefix = SpacePrefix::none;
  bool split_at_spaces = false;      // Metaspace(split=true)
  bool strip_leading_space = false;  // decode drops one space at the start
};

// From tokenizer.json and tokenizer_config.json (which may be empty).
Result<VocabularyData> vocabulary_from_tokenizer_json(std::string_view tokenizer_json,
                                                      std::string_view tokenizer_config_json);

class Gguf;
// From the tokenizer.ggml.* metadata.
Result<VocabularyData> vocabulary_from_gguf(const Gguf& gguf);

}  // namespace hearth
