// The vocabulary of random checkpoints: byte-level BPE over the 256 bytes with three merges and the
// special tokens of DeepSeek-R1, so that any text round-trips and chats have their marks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/files/json.h"

namespace hearth {

inline constexpr int64_t kTinyVocabulary = 272;  // of a tiny config; 266 are tokens

struct TinyVocabulary {
  enum class Kind : uint8_t { normal = 1, control = 3, user_defined = 4 };  // as GGUF counts them
  struct Token {
    int32_t id;
    std::string text;
    Kind kind;
  };
  std::vector<Token> tokens;  // ascending ids, below `size`; the other ids are no tokens
  std::vector<std::string> merges;
  int64_t size = 0;  // vocab_size of the config
  int32_t bos = 0;
  int32_t eos = 0;
  int32_t pad = 0;
  bool adds_bos = false;

  // BOS and EOS lie where the config says, everything else from 0 on.
  // invalid: a vocab_size that is too small.
  static Result<TinyVocabulary> of(const Json& config);

  Json tokenizer_json() const;
  Json tokenizer_config() const;
  Json generation_config() const;
  void write(GgufHeader& header) const;  // tokenizer.*
};

}  // namespace hearth
