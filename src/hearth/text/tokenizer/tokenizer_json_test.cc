// tokenizer.json: what is read, and the one line for what is not.
#include <gtest/gtest.h>

#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

// A byte-level tokenizer of few bytes, to be spoiled part by part.
Json base() {
  return Json::parse(R"({
    "version": "1.0",
    "added_tokens": [
      {"id": 4, "content": "<s>", "special": true, "normalized": false},
      {"id": 5, "content": "<think>", "special": false, "normalized": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
    "post_processor": {"type": "ByteLevel"},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "unk_token": null, "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3},
              "merges": ["a b"]}})");
}

std::string error_of(const Json& json, std::string_view config = {}) {
  const auto tokenizer = Tokenizer::from_tokenizer_json(json.dump(), config);
  if (tokenizer) return "";
  EXPECT_EQ(tokenizer.status().message().find('\n'), std::string::npos);
  return std::string(code_name(tokenizer.status().code())) + ": " + tokenizer.status().message();
}

TEST(TokenizerJson, BothFormsOfMerges) {
  Json json = base();
  EXPECT_EQ(test::show(test::must_read_json(json.dump()).encode("ab ba")), "2 3 1 0");
  json["model"]["merges"] = Json::parse(R"([["a", "b"]])");
  EXPECT_EQ(test::show(test::must_read_json(json.dump()).encode("ab ba")), "2 3 1 0");
}

TEST(TokenizerJson, AnswersAboutTokens) {
  const Tokenizer tokenizer = test::must_read_json(base().dump());
  EXPECT_EQ(tokenizer.vocab_size(), 6);
  EXPECT_EQ(tokenizer.token_bytes(3), " ");
  EXPECT_EQ(tokenizer.find(" "), 3);
  EXPECT_EQ(tokenizer.find("<think>"), 5);
  EXPECT_TRUE(tokenizer.is_special(4));
  EXPECT_FALSE(tokenizer.is_special(5));
  EXPECT_FALSE(tokenizer.bos().has_value());
  EXPECT_EQ(tokenizer.bos_text(), "");
  EXPECT_EQ(tokenizer.decode(std::vector{4, 2, 5}, true), "ab<think>");
  EXPECT_EQ(tokenizer.decode(std::vector{4, 2, 5}, false), "<s>ab<think>");
}

TEST(TokenizerJson, ConfigDecidesBosAndEos) {
  const std::string json = base().dump();
  const auto ids = [&](const char* config) {
    return test::show(test::must_read_json(json, config).encode("a"));
  };
  EXPECT_EQ(ids(""), "0");
  EXPECT_EQ(ids(R"({"bos_token": "<s>"})"), "0");
  EXPECT_EQ(ids(R"({"bos_token": "<s>", "add_bos_token": true})"), "4 0");
  EXPECT_EQ(ids(R"({"bos_token": {"content": "<s>"}, "add_bos_token": true})"), "4 0");
  EXPECT_EQ(ids(R"({"eos_token": "<s>", "add_eos_token": true})"), "0 4");
  EXPECT_EQ(ids(R"({"bos_token": null, "add_bos_token": true})"), "0");
  EXPECT_EQ(ids(R"({"added_tokens_decoder": {"7": {"content": "<x>", "special": true}},
                    "bos_token": "<x>", "add_bos_token": true})"),
            "7 0");
  const Tokenizer tokenizer = test::must_read_json(json, R"({"bos_token": "<s>"})");
  EXPECT_EQ(tokenizer.bos(), 4);
  EXPECT_FALSE(tokenizer.adds_bos());
}

TEST(TokenizerJson, TemplateGivesBosUnlessConfigForbids) {
  Json json = base();
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A"}}],
    "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}})");
  EXPECT_EQ(test::show(test::must_read_json(json.dump()).encode("a")), "4 0");
  EXPECT_EQ(test::must_read_json(json.dump()).bos(), 4);
  EXPECT_EQ(
      test::show(test::must_read_json(json.dump(), R"({"add_bos_token": false})").encode("a")),
      "0");
  const EncodeOptions bare{.add_special_prefix_suffix = false};
  EXPECT_EQ(test::show(test::must_read_json(json.dump()).encode("a", bare)), "0");
}

TEST(TokenizerJson, HolesAreNoTokens) {
  Json json = base();
  json["model"]["vocab"]["z"] = 1000;
  const Tokenizer tokenizer = test::must_read_json(json.dump());
  EXPECT_EQ(tokenizer.vocab_size(), 1001);
  EXPECT_FALSE(tokenizer.has(500));
  EXPECT_TRUE(tokenizer.has(1000));
}

struct Spoiled {
  const char* pointer;
  const char* value;
  const char* message;
};

TEST(TokenizerJson, RefusesWhatItDoesNotKnow) {
  constexpr Spoiled kCases[] = {
      {"/model/type", R"("Unigram")", "unsupported: tokenizer.json: `model.type`"},
      {"/model/type", R"("WordPiece")", "unsupported"},
      {"/model/type", "7", "corrupt"},
      {"/model", "null", "corrupt: tokenizer.json: `model`: expected an object"},
      {"/model", "[]", "corrupt"},
      {"/model/vocab", "[]", "corrupt"},
      {"/model/vocab", "null", "corrupt"},
      {"/model/merges", "null", "corrupt"},
      {"/model/merges", R"(["ab"])", "`merges`[0]: expected two tokens"},
      {"/model/merges", R"(["a b c"])", "`merges`[0]: expected two tokens"},
      {"/model/merges", R"([["a"]])", "expected a string or a pair"},
      {"/model/merges", R"([["a", 1]])", "expected a string or a pair"},
      {"/model/merges", R"([7])", "expected a string or a pair"},
      {"/model/merges", R"(["b a"])", "no token is spelled `ba`"},
      {"/model/merges", R"(["x y"])", "no token is spelled `x`"},
      {"/model/dropout", "0.1", "unsupported"},
      {"/model/end_of_word_suffix", R"("</w>")", "unsupported"},
      {"/model/continuing_subword_prefix", R"("##")", "unsupported"},
      {"/model/byte_fallback", R"("yes")", "`byte_fallback`: expected true or false"},
      {"/model/vocab/a", "-1", "corrupt"},
      {"/model/vocab/a", "2147483647", "corrupt"},
      {"/model/vocab/a", "2147483646", "without large gaps"},
      {"/model/vocab/a", "9223372036854775808", "corrupt"},
      {"/model/vocab/a", "1.5", "corrupt"},
      {"/model/vocab/a", R"("0")", "corrupt"},
      {"/model/vocab/a", "1", "id 1 stands twice"},
      {"/added_tokens/0/id", "2147483646", "without large gaps"},
      {"/added_tokens/0/id", "-4", "corrupt"},
      {"/added_tokens/0/id", "2", "but `ab` in the vocabulary"},
      {"/added_tokens/0/content", "null", "corrupt"},
      {"/added_tokens/0/content", R"("")", "1 to 1024 bytes"},
      {"/added_tokens/0/special", "1", "expected true or false"},
      {"/added_tokens", "{}", "corrupt"},
      {"/added_tokens/0", "3", "corrupt"},
      {"/normalizer", R"({"type": "Lowercase"})", "unsupported: tokenizer.json: `normalizer`"},
      {"/normalizer", R"({"type": "NFKC"})", "does not know `NFKC`"},
      {"/normalizer", R"({"type": "Prepend", "prepend": "x"})", "unsupported"},
      {"/normalizer", R"({"type": "Replace", "pattern": {"String": "x"}, "content": "y"})",
       "unsupported"},
      {"/normalizer", R"({})", "expected an object with a `type`"},
      {"/normalizer", R"("NFC")", "expected an object"},
      {"/pre_tokenizer", "null", "unsupported"},
      {"/pre_tokenizer", R"({"type": "BertPreTokenizer"})", "does not know `BertPreTokenizer`"},
      {"/pre_tokenizer/pretokenizers/0/pattern", R"({"Regex": "\\w+|[^\\w\\s]+"})",
       "does not know `\\w+|[^\\w\\s]+`"},
      {"/pre_tokenizer/pretokenizers/0/pattern", R"({"String": "x"})", "does not know `x`"},
      {"/pre_tokenizer/pretokenizers/0/behavior", R"("MergedWithNext")", "MergedWithNext"},
      {"/pre_tokenizer/pretokenizers/0/invert", "true", "unsupported"},
      {"/pre_tokenizer/pretokenizers/0/type", R"("ByteLevel")", "after ByteLevel"},
      {"/pre_tokenizer/pretokenizers", "7", "expected an array"},
      {"/pre_tokenizer/pretokenizers/1", "7", "expected an array of objects"},
      {"/post_processor", R"({"type": "RobertaProcessing"})", "unsupported"},
      {"/post_processor", R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {}}]})",
       "corrupt"},
      {"/decoder", R"({"type": "WordPiece"})", "unsupported"},
  };
  EXPECT_EQ(error_of(base()), "");
  for (const Spoiled& spoiled : kCases) {
    Json json = base();
    json[Json::json_pointer(spoiled.pointer)] = Json::parse(spoiled.value);
    const std::string found = error_of(json);
    EXPECT_NE(found.find(spoiled.message), std::string::npos)
        << spoiled.pointer << " = " << spoiled.value << ": " << found;
    EXPECT_NE(found, "") << spoiled.pointer;
  }
}

TEST(TokenizerJson, RefusesBadConfigs) {
  const char* const configs[] = {"[]",
                                 "{",
                                 R"({"bos_token": "<none>"})",
                                 R"({"eos_token": 7})",
                                 R"({"add_bos_token": "yes"})",
                                 R"({"added_tokens_decoder": {"x": {"content": "y"}}})",
                                 R"({"added_tokens_decoder": {"99999999999": {"content": "y"}}})",
                                 R"({"added_tokens_decoder": {"100000000": {"content": "y"}}})",
                                 R"({"added_tokens_decoder": {"1": {"content": "y"}}})",
                                 R"({"added_tokens_decoder": [1]})"};
  for (const char* config : configs) {
    const std::string found = error_of(base(), config);
    EXPECT_NE(found.find("tokenizer_config.json"), std::string::npos) << config << ": " << found;
  }
}

TEST(TokenizerJson, RefusesWhatIsNoJson) {
  const std::string good = base().dump();
  for (size_t end = 0; end < good.size(); ++end) {
    ASSERT_FALSE(Tokenizer::from_tokenizer_json(good.substr(0, end), "").has_value()) << end;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"normalizer":)";
  EXPECT_FALSE(Tokenizer::from_tokenizer_json(deep, "").has_value());
  EXPECT_FALSE(Tokenizer::from_tokenizer_json(std::string(100'000, '['), "").has_value());
  EXPECT_FALSE(Tokenizer::from_tokenizer_json("\xEF\xBB\xBF", "").has_value());
  EXPECT_FALSE(Tokenizer::from_tokenizer_json(std::string(64, '\0'), "").has_value());
  EXPECT_FALSE(Tokenizer::from_tokenizer_json("{\"model\": \"\xFF\"}", "").has_value());
}

TEST(TokenizerJson, OneFlippedByteNeverCrashes) {
  const std::string good = base().dump();
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char byte : {'\0', '"', '{', '9', '\xFF', ' '}) {
      std::string bad = good;
      bad[at] = byte;
      const auto tokenizer = Tokenizer::from_tokenizer_json(bad, "");
      if (tokenizer) (void)tokenizer->encode("ab <s><think> 1");
    }
  }
}

TEST(TokenizerJson, NormalizersAndPreTokenizersThatAreSpaces) {
  Json json = base();
  json["pre_tokenizer"] = nullptr;
  json["normalizer"] = Json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  json["decoder"] = Json::parse(R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  json["model"]["vocab"]["▁"] = 6;
  const Tokenizer tokenizer = test::must_read_json(json.dump());
  EXPECT_EQ(test::show(tokenizer.encode("ab a")), "6 2 6 0");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab a"), true), "ab a");
  EXPECT_EQ(tokenizer.token_bytes(6), " ");
}

}  // namespace
}  // namespace hearth
