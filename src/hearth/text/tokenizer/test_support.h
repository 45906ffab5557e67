// Vocabularies for tests: those of the shared fixtures, each read by the shortest way, and small
// ones made on the spot.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include "hearth/base/mapped_file.h"
#include "hearth/files/gguf/gguf.h"
#include "hearth/files/json.h"
#include "hearth/text/tokenizer/byte_alphabet.h"
#include "hearth/text/tokenizer/models.h"
#include "hearth/text/tokenizer/tokenizer.h"

namespace hearth::test {

inline std::string shared_path(std::string_view name) {
  return std::string(HEARTH_SHARED_DIR "/fixtures/tokenizers/") + std::string(name);
}
inline std::string data_path(std::string_view name) {
  return std::string(HEARTH_SOURCE_DIR "/src/hearth/text/tokenizer/testdata/") + std::string(name);
}
inline bool have_shared() {
  return std::filesystem::exists(shared_path("vectors"));
}

inline std::string must_read(const std::string& path) {
  auto content = read_file(path, 64 << 20);
  EXPECT_TRUE(content.has_value()) << path;
  return content ? *content : std::string();
}

inline Tokenizer must_build(VocabularyData data) {
  auto tokenizer = Tokenizer::from_vocabulary(std::move(data));
  if (!tokenizer) ADD_FAILURE() << tokenizer.status().message();
  CHECK(tokenizer.has_value());
  return *std::move(tokenizer);
}

inline Tokenizer must_read_json(std::string_view json, std::string_view config = {}) {
  auto tokenizer = Tokenizer::from_tokenizer_json(json, config);
  if (!tokenizer) ADD_FAILURE() << tokenizer.status().message();
  CHECK(tokenizer.has_value());
  return *std::move(tokenizer);
}

inline Tokenizer gguf_tokenizer(std::string_view name) {
  auto gguf = Gguf::open(shared_path("gguf/ggml-vocab-" + std::string(name) + ".gguf"));
  CHECK(gguf.has_value());
  auto data = vocabulary_from_gguf(*gguf);
  if (!data) ADD_FAILURE() << data.status().message();
  CHECK(data.has_value());
  return must_build(*std::move(data));
}

// vocab.json + merges.txt + added_tokens.json, the files of a slow tokenizer.
inline Tokenizer qwen2_tokenizer() {
  VocabularyData data;
  data.pre_tokenizer = "qwen2";
  data.nfc = true;
  const Json vocab = *read_json_file(shared_path("qwen2/vocab.json"));
  const Json added = *read_json_file(shared_path("qwen2/added_tokens.json"));
  data.tokens.resize(vocab.size() + added.size());
  for (const auto& [token, id] : vocab.items()) data.tokens[id.get<size_t>()] = token;
  for (const auto& [token, id] : added.items()) {
    data.tokens[id.get<size_t>()] = token;
    data.added_tokens.push_back({.id = id.get<int32_t>(), .content = token, .special = true});
  }
  std::istringstream merges(must_read(shared_path("qwen2/merges.txt")));
  std::string line;
  std::getline(merges, line);  // #version
  while (std::getline(merges, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const size_t space = line.find(' ');
    if (space != line.npos) data.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return must_build(std::move(data));
}

inline std::string from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  return out;
}

// deepseek_v3.tiktoken has ranks, not merges. The merge that makes a token is what BPE with the
// tokens before it leaves of the token's bytes: always two parts.
inline void add_merges_of_ranks(VocabularyData& data, size_t first_token) {
  std::unordered_map<std::string, int32_t> ids;
  for (size_t id = first_token; id < data.tokens.size(); ++id) {
    ids[*bytes_from_alphabet(data.tokens[id])] = static_cast<int32_t>(id);
  }
  MergeTable merges(data.tokens.size());
  Merger merger;
  std::vector<Symbol> symbols;
  for (size_t id = first_token; id < data.tokens.size(); ++id) {
    const std::string bytes = *bytes_from_alphabet(data.tokens[id]);
    if (bytes.size() == 1) continue;
    symbols.clear();
    for (uint32_t i = 0; i < bytes.size(); ++i) {
      symbols.push_back({ids.at(bytes.substr(i, 1)), i, i + 1});
    }
    merger.run(symbols, [&](const Symbol& left, const Symbol& right) {
      return merges.find(left.id, right.id);
    });
    CHECK_EQ(symbols.size(), 2u);
    const Merge merge{static_cast<uint32_t>(id), static_cast<int32_t>(id)};
    merges.add(symbols[0].id, symbols[1].id, merge);
    data.merges.emplace_back(data.tokens[static_cast<size_t>(symbols[0].id)],
                             data.tokens[static_cast<size_t>(symbols[1].id)]);
  }
}

inline VocabularyData deepseek_v3_data() {
  VocabularyData data;
  data.pre_tokenizer = "deepseek-v3";
  std::istringstream lines(must_read(shared_path("deepseek_v3/deepseek_v3.tiktoken")));
  std::string key;
  size_t id = 0;
  while (lines >> key >> id) {
    CHECK_EQ(id, data.tokens.size());
    data.tokens.push_back(from_base64(key));
  }
  add_merges_of_ranks(data, 3);
  for (int n = 0; n < 798; ++n) data.tokens.push_back(fmt::format("<｜place▁holder▁no▁{}｜>", n));
  for (const char* token :
       {"<think>", "</think>", "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<｜User｜>",
        "<｜Assistant｜>", "<|EOT|>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁outputs▁begin｜>",
        "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>",
        "<｜tool▁sep｜>"}) {
    data.tokens.push_back(token);
  }
  for (size_t i = 0; i < data.tokens.size(); ++i) {
    if (i >= 3 && i < 128000) continue;
    data.added_tokens.push_back({.id = static_cast<int32_t>(i),
                                 .content = data.tokens[i],
                                 .special = i < 3 || data.tokens[i] == "<|EOT|>"});
  }
  data.bos = 0;
  data.eos = 1;
  data.prefix = {0};
  return data;
}

// All bytes and the given unions of them, in order of rank: {"he", "ll", "hell"} merges only where
// two earlier tokens make it.
inline VocabularyData small_data(std::initializer_list<std::string_view> unions,
                                 std::string_view pre_tokenizer = "deepseek-v3") {
  VocabularyData data;
  data.pre_tokenizer = pre_tokenizer;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    data.tokens.push_back(alphabet_from_bytes(std::string_view(&byte, 1)));
  }
  for (const std::string_view whole : unions) {
    for (size_t at = 1; at < whole.size(); ++at) {
      const std::string left = alphabet_from_bytes(whole.substr(0, at));
      const std::string right = alphabet_from_bytes(whole.substr(at));
      if (std::ranges::find(data.tokens, left) == data.tokens.end()) continue;
      if (std::ranges::find(data.tokens, right) == data.tokens.end()) continue;
      data.merges.emplace_back(left, right);
    }
    data.tokens.push_back(alphabet_from_bytes(whole));
  }
  return data;
}

inline std::string show(const std::vector<int32_t>& ids) {
  return fmt::format("{}", fmt::join(ids, " "));
}

// The bytes of every id, one after another, as a test of nothing lost.
inline std::string joined_bytes(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::string out;
  for (const int32_t id : ids) out += tokenizer.token_bytes(id);
  return out;
}

}  // namespace hearth::test
