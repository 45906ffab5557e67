// For tests and measurements: vocabularies of models as grammars see them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/text/grammar/token_trie.h"
#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::grammar {

// Of a folder with tokenizer.json.
inline Result<TokenTrie> read_model_vocabulary(const std::string& folder) {
  TRY_ASSIGN(const std::string json, read_file(folder + "/tokenizer.json", 64 << 20));
  TRY_ASSIGN(const Tokenizer tokenizer, Tokenizer::from_tokenizer_json(json, ""));
  return TokenTrie::of(tokenizer, tokenizer.vocab_size());
}

// Of a vocabulary's file of tokens: base64 of the byte alphabet and rank, one a line.
inline Result<TokenTrie> read_tiktoken_vocabulary(const std::string& path) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  TRY_ASSIGN(const std::string text, read_file(path, 64 << 20));
  std::vector<std::string> tokens;
  uint32_t bits = 0, count = 0;
  std::string token;
  bool in_rank = false;
  for (char c : text) {
    if (c == '\n') {
      // Control tokens are spelled in other characters: they are left out.
      tokens.push_back(bytes_from_alphabet(std::exchange(token, "")).value_or(""));
      bits = count = 0;
      in_rank = false;
    }
    const size_t digit = kDigits.find(c);
    in_rank = in_rank || c == ' ';
    if (digit == kDigits.npos || in_rank) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    token += static_cast<char>(bits >> count & 0xFF);
  }
  return TokenTrie::of(std::move(tokens));
}

}  // namespace hearth::grammar
