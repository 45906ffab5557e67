// Text to token ids and back, for every vocabulary that Hearth reads: byte-level BPE (GPT-2, Llama
// 3, Qwen2, DeepSeek) and SentencePiece's (Llama 2, Phi-3), from tokenizer.json or GGUF.
//
// Control tokens are never made of user text: `encode` recognises them only when asked, and
// `encode_trusted` only inside ranges that the caller vouches for (the template's own text). Byte-
// level vocabularies give any bytes back exactly, also invalid UTF-8.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/text/byte_range.h"
#include "hearth/text/tokenizer/vocabulary_data.h"

namespace hearth {

struct EncodeOptions {
  // BOS (and EOS) as the model's tokenizer config says.
  bool add_special_prefix_suffix = true;
  // Text of control tokens, and of added tokens that look like markup (<think>), in the input
  // becomes those tokens. Other added tokens are plain text of the vocabulary and always count.
  bool parse_special = false;
};

struct TokenizerState;

// Immutable and thread-safe; copies share one vocabulary.
class Tokenizer {
 public:
  // The config may be empty. corrupt: not what the format asks; unsupported: an unknown
  // pre-tokenizer, normalizer or model, named.
  static Result<Tokenizer> from_tokenizer_json(std::string_view tokenizer_json,
                                               std::string_view tokenizer_config_json);
  static Result<Tokenizer> from_vocabulary(VocabularyData data);

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Guarded tokens (see parse_special) are recognised where their text lies wholly inside one of
  // `trusted`; ranges that touch or overlap count as one. Nothing is put before or after.
  std::vector<int32_t> encode_trusted(std::string_view text,
                                      std::span<const ByteRange> trusted) const;

  // The raw bytes a token stands for, not always whole characters; special tokens give their text.
  // Empty for what is no token. Lives as long as any copy of the tokenizer.
  std::string_view token_bytes(int32_t id) const;
  // The tokens' bytes one after another; where the vocabulary puts a space before text
  // (SentencePiece), one leading space is dropped. Ids that are no token give nothing.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;

  bool is_special(int32_t id) const;  // a control token
  bool has(int32_t id) const;         // false for padding rows of the embedding
  // By content: of an added token as written ("<think>"), else of the token with these bytes.
  std::optional<int32_t> find(std::string_view text) const;

  int32_t vocab_size() const;  // all ids are below
  // The first id that stands for other bytes in the other, or for none. Where converters to GGUF
  // fill a vocabulary up to the rows of its embedding ("[PAD497]") there is no token.
  std::optional<int32_t> first_difference(const Tokenizer& other) const;
  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  std::string_view bos_text() const;  // "" without one
  std::string_view eos_text() const;
  bool adds_bos() const;  // encode puts BOS before a text

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerState> state) : state_(std::move(state)) {}

  std::shared_ptr<const TokenizerState> state_;
};

}  // namespace hearth
