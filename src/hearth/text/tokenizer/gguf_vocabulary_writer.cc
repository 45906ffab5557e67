// See gguf_vocabulary_writer.h.
#include "hearth/text/tokenizer/gguf_vocabulary_writer.h"

#include <algorithm>

namespace hearth {
namespace {

// Markup such as <|im_start|> or <｜User｜>. Readers of GGUF match user-defined tokens in any text,
// control tokens only where they are asked to: so these become control, whatever `special` says.
bool looks_like_control(std::string_view text) {
  constexpr std::string_view kWideBar = "｜";
  if (text.size() < 4 || text.front() != '<' || text.back() != '>') return false;
  const std::string_view inside = text.substr(1, text.size() - 2);
  return (inside.starts_with('|') && inside.ends_with('|')) ||
         (inside.starts_with(kWideBar) && inside.ends_with(kWideBar));
}

std::vector<int32_t> types_of(const VocabularyData& data, size_t rows) {
  std::vector<int32_t> types(rows, static_cast<int32_t>(TokenType::unused));
  for (size_t id = 0; id < data.tokens.size(); ++id) {
    const TokenType type = data.types.empty() ? TokenType::normal : data.types[id];
    if (type != TokenType::missing) types[id] = static_cast<int32_t>(type);
  }
  for (const AddedToken& token : data.added_tokens) {
    const bool control = token.special || looks_like_control(token.content);
    types[static_cast<size_t>(token.id)] =
        static_cast<int32_t>(control ? TokenType::control : TokenType::user_defined);
  }
  return types;
}

}  // namespace

Status write_gguf_vocabulary(const VocabularyData& data, int64_t vocab_size, GgufHeader& header) {
  if (data.model != VocabularyData::Model::bpe || !data.byte_level) {
    return error(Code::unsupported,
                 "tokenizer: expected byte-level BPE, found a SentencePiece vocabulary, whose "
                 "scores only its tokenizer.model has");
  }
  if (data.pre_tokenizer.empty()) {
    return error(Code::unsupported,
                 "tokenizer: expected a pre-tokenizer that GGUF has a name for, found another");
  }
  const auto rows = static_cast<size_t>(vocab_size);
  if (data.tokens.size() > rows) {
    return error(Code::corrupt, "tokenizer: expected at most {} tokens (the model's), found {}",
                 vocab_size, data.tokens.size());
  }
  std::vector<std::string> tokens = data.tokens;
  tokens.resize(rows);
  const std::vector<int32_t> types = types_of(data, rows);
  for (size_t id = 0; id < rows; ++id) {
    if (types[id] == static_cast<int32_t>(TokenType::unused))
      tokens[id] = fmt::format("[PAD{}]", id);
  }
  std::vector<std::string> merges;
  merges.reserve(data.merges.size());
  for (const auto& [left, right] : data.merges) merges.push_back(left + " " + right);
  header.set_string("tokenizer.ggml.model", "gpt2");
  header.set_string("tokenizer.ggml.pre", data.pre_tokenizer);
  header.set_strings("tokenizer.ggml.tokens", tokens);
  header.set_i32s("tokenizer.ggml.token_type", types);
  header.set_strings("tokenizer.ggml.merges", merges);
  const auto id = [&](const char* key, const std::optional<int32_t>& value) {
    if (value) header.set_u32(key, static_cast<uint32_t>(*value));
  };
  id("tokenizer.ggml.bos_token_id", data.bos);
  id("tokenizer.ggml.eos_token_id", data.eos);
  id("tokenizer.ggml.unknown_token_id", data.unk);
  id("tokenizer.ggml.padding_token_id", data.pad);
  header.set_bool("tokenizer.ggml.add_bos_token", !data.prefix.empty());
  header.set_bool("tokenizer.ggml.add_eos_token", !data.suffix.empty());
  return Status::ok();
}

}  // namespace hearth
