// Vocabularies in GGUF metadata that lie: each is one line, none is a crash.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

struct Metadata {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::vector<std::string> tokens{"a", "b", "ab", "<s>", "\u0120"};
  std::vector<int32_t> types{1, 1, 1, 3, 1};
  std::vector<float> scores;
  std::vector<std::string> merges{"a b"};
  std::string without;  // a key that `more` sets instead
  std::function<void(GgufHeader&)> more = [](GgufHeader&) {};
};

Result<Tokenizer> build(const Metadata& metadata) {
  GgufHeader header;
  const auto wanted = [&](const char* name) {
    return metadata.without != std::string("tokenizer.ggml.") + name;
  };
  if (wanted("model")) header.set_string("tokenizer.ggml.model", metadata.model);
  if (wanted("pre") && !metadata.pre.empty()) {
    header.set_string("tokenizer.ggml.pre", metadata.pre);
  }
  if (wanted("tokens")) header.set_strings("tokenizer.ggml.tokens", metadata.tokens);
  if (wanted("token_type") && !metadata.types.empty()) {
    header.set_i32s("tokenizer.ggml.token_type", metadata.types);
  }
  if (wanted("scores") && !metadata.scores.empty()) {
    header.set_f32s("tokenizer.ggml.scores", metadata.scores);
  }
  if (wanted("merges") && !metadata.merges.empty()) {
    header.set_strings("tokenizer.ggml.merges", metadata.merges);
  }
  metadata.more(header);
  const std::string encoded = header.encode();
  std::vector<uint64_t> aligned(encoded.size() / 8 + 1);
  std::memcpy(aligned.data(), encoded.data(), encoded.size());
  TRY_ASSIGN(const Gguf gguf, Gguf::parse(std::as_bytes(std::span(aligned)).first(encoded.size())));
  TRY_ASSIGN(VocabularyData data, vocabulary_from_gguf(gguf));
  return Tokenizer::from_vocabulary(std::move(data));
}

Metadata spm() {
  Metadata metadata;
  metadata.model = "llama";
  metadata.pre = "default";
  metadata.tokens = {"<unk>", "<s>", "</s>", "<0x61>", "▁", "b", "▁b"};
  metadata.types = {2, 3, 3, 6, 1, 1, 1};
  metadata.scores = {0, 0, 0, 0, -3, -2, -1};
  metadata.merges.clear();
  metadata.more = [](GgufHeader& header) {
    header.set_u32("tokenizer.ggml.bos_token_id", 1);
    header.set_u32("tokenizer.ggml.eos_token_id", 2);
    header.set_u32("tokenizer.ggml.unknown_token_id", 0);
  };
  return metadata;
}

void expect_error(const Metadata& metadata, const char* message, Code code = Code::corrupt) {
  const auto tokenizer = build(metadata);
  ASSERT_FALSE(tokenizer.has_value()) << message;
  EXPECT_EQ(tokenizer.status().code(), code) << tokenizer.status().message();
  EXPECT_NE(tokenizer.status().message().find(message), std::string::npos)
      << tokenizer.status().message();
}

TEST(GgufVocabulary, ReadsBothModels) {
  const auto bpe = build({});
  ASSERT_TRUE(bpe.has_value()) << bpe.status().message();
  EXPECT_EQ(test::show(bpe->encode("ab a")), "2 4 0");
  const auto pieces = build(spm());
  ASSERT_TRUE(pieces.has_value()) << pieces.status().message();
  EXPECT_EQ(test::show(pieces->encode("b a?")), "1 6 4 3 0");  // BOS by default
  EXPECT_EQ(pieces->eos_text(), "</s>");
}

TEST(GgufVocabulary, FlagsDecide) {
  Metadata metadata;
  metadata.more = [](GgufHeader& header) {
    header.set_u32("tokenizer.ggml.bos_token_id", 3);
    header.set_u32("tokenizer.ggml.eos_token_id", 3);
    header.set_bool("tokenizer.ggml.add_bos_token", true);
    header.set_bool("tokenizer.ggml.add_eos_token", true);
  };
  EXPECT_EQ(test::show(build(metadata)->encode("a")), "3 0 3");
  metadata = spm();
  metadata.more = [](GgufHeader& header) {
    header.set_bool("tokenizer.ggml.add_space_prefix", false);
  };
  EXPECT_EQ(test::show(build(metadata)->encode("b b")), "5 6");
}

TEST(GgufVocabulary, RefusesBadArrays) {
  Metadata m;
  m.types.pop_back();
  expect_error(m, "token types: expected 5, one for each token, found 4");
  m = {};
  m.types.push_back(1);
  expect_error(m, "token types: expected 5, one for each token, found 6");
  m = {};
  m.types[2] = 7;
  expect_error(m, "expected a type in [0, 6], found 7");
  m.types[2] = -1;
  expect_error(m, "expected a type in [0, 6], found -1");
  m = {};
  m.tokens.clear();
  m.types.clear();
  EXPECT_FALSE(build(m).has_value());
  m = spm();
  m.scores.pop_back();
  expect_error(m, "token scores: expected 7");
  m = spm();
  m.scores[4] = NAN;
  expect_error(m, "expected a finite number, found nan");
  m = spm();
  m.scores.clear();
  EXPECT_EQ(build(m).status().code(), Code::not_found);
}

TEST(GgufVocabulary, RefusesBadTokens) {
  Metadata m = spm();
  for (const char* token : {"<0x-1>", "<0xZZ>", "<0x100>", "", "a", "<0x6>"}) {
    m.tokens[3] = token;
    expect_error(m, "expected <0x00> to <0xFF>");
  }
  m = {};
  m.tokens[3] = "";
  expect_error(m, "found 0");
  m = {};
  for (const char* merge : {"x y", "a x", "b a"}) {
    m.merges = {merge};
    expect_error(m, "no token is spelled");
  }
  for (const char* merge : {"", "a", "ab", " ", "a ", " a"}) {
    m.merges = {merge};
    expect_error(m, "expected two tokens with a space between");
  }
}

TEST(GgufVocabulary, RefusesBadIds) {
  for (const char* key : {"bos", "eos", "unknown", "padding"}) {
    for (const uint32_t id : {5u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
      Metadata m;
      m.more = [&](GgufHeader& header) {
        header.set_u32(fmt::format("tokenizer.ggml.{}_token_id", key), id);
      };
      expect_error(m, "expected an id in [0, 5)");
    }
  }
}

TEST(GgufVocabulary, RefusesOtherKinds) {
  Metadata m;
  m.model = "bert";
  expect_error(m, "expected gpt2 or llama, found `bert`", Code::unsupported);
  m = {};
  m.pre = "";
  expect_error(m, "an old converter", Code::unsupported);
  for (const char* pre : {"default", "tekken", "gpt-4o", "llama-bpe "}) {
    m.pre = pre;
    expect_error(m, pre, Code::unsupported);
  }
}

// Every tokenizer key that is read, set to a value of another type.
TEST(GgufVocabulary, RefusesEveryKeyOfAnotherType) {
  using Set = void (*)(GgufHeader&, const std::string&);
  const Set number = [](GgufHeader& h, const std::string& key) { h.set_u32(key, 1); };
  const Set text = [](GgufHeader& h, const std::string& key) { h.set_string(key, "a"); };
  const Set texts = [](GgufHeader& h, const std::string& key) {
    h.set_strings(key, std::vector<std::string>{"a", "b"});
  };
  const Set numbers = [](GgufHeader& h, const std::string& key) {
    h.set_i32s(key, std::vector<int32_t>{1, 2});
  };
  const std::map<std::string, std::vector<Set>> others = {
      {"model", {number, texts}},           {"pre", {number, texts}},
      {"tokens", {number, text, numbers}},  {"token_type", {number, text, texts}},
      {"scores", {number, text, texts}},    {"merges", {number, text, numbers}},
      {"bos_token_id", {text, texts}},      {"eos_token_id", {text, numbers}},
      {"unknown_token_id", {text, texts}},  {"padding_token_id", {text, numbers}},
      {"add_bos_token", {number, text}},    {"add_eos_token", {number, texts}},
      {"add_space_prefix", {number, text}},
  };
  for (const auto& [name, setters] : others) {
    for (const Set set : setters) {
      SCOPED_TRACE(name);
      const std::string key = "tokenizer.ggml." + name;
      Metadata m = name == "scores" ? spm() : Metadata();
      m.without = key;
      const auto more = m.more;
      m.more = [&, &name = name](GgufHeader& header) {
        if (name != "scores") more(header);
        set(header, key);
      };
      const auto refused = build(m);
      ASSERT_FALSE(refused.has_value());
      EXPECT_NE(refused.status().message().find(key), std::string::npos)
          << refused.status().message();
    }
  }
}

// The list above has every key that the reader's source names.
TEST(GgufVocabulary, TheTestsKnowEveryKeyOfTheReader) {
  std::ifstream in(HEARTH_SOURCE_DIR "/src/hearth/text/tokenizer/gguf_vocabulary.cc");
  const std::string source{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> keys;
  const std::string prefix = "\"tokenizer.ggml.";
  for (size_t at = source.find(prefix); at != source.npos; at = source.find(prefix, at + 1)) {
    const size_t begin = at + prefix.size();
    keys.insert(source.substr(begin, source.find('"', begin) - begin));
  }
  const std::set<std::string> known = {
      "model",         "pre",           "tokens",          "token_type",       "scores",
      "merges",        "bos_token_id",  "eos_token_id",    "unknown_token_id", "padding_token_id",
      "add_bos_token", "add_eos_token", "add_space_prefix"};
  EXPECT_EQ(keys, known);
}

TEST(GgufVocabulary, Llama3KeepsWholeTokens) {
  Metadata m;
  m.pre = "llama-bpe";
  m.tokens.push_back("ba");
  m.types.push_back(1);
  EXPECT_EQ(test::show(build(m)->encode("ba")), "5");
  m.pre = "gpt-2";
  EXPECT_EQ(test::show(build(m)->encode("ba")), "1 0");
}

}  // namespace
}  // namespace hearth
