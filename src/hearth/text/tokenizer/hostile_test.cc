// The checklist of bad inputs: text from users, and vocabularies from files that lie.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "hearth/base/thread_clock.h"
#include "hearth/text/slowness.h"
#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

using test::small_data;

// All bytes, a few words, and R1's kinds of added tokens.
VocabularyData chat_data() {
  VocabularyData data = small_data({"us", "er", "user", "th", "thi", "nk", "think"});
  const auto add = [&](std::string content, bool special) {
    data.added_tokens.push_back(
        {.id = static_cast<int32_t>(data.tokens.size()), .content = content, .special = special});
    data.tokens.push_back(std::move(content));
  };
  add("<｜begin▁of▁sentence｜>", true);
  add("<｜User｜>", false);
  add("</think>", false);
  add("<｜tool▁calls▁begin｜>", false);
  add("<|EOT|>", true);
  add("ö", false);
  data.bos = 263;
  data.prefix = {*data.bos};
  return data;
}

// A SentencePiece vocabulary: bytes, letters, doublings of "a".
VocabularyData spm_data() {
  VocabularyData data;
  data.model = VocabularyData::Model::spm;
  data.byte_level = false;
  data.byte_fallback = true;
  data.space_prefix = VocabularyData::SpacePrefix::every_segment;
  data.strip_leading_space = true;
  const auto add = [&](std::string token, TokenType type) {
    data.tokens.push_back(std::move(token));
    data.types.push_back(type);
    data.scores.push_back(-static_cast<float>(data.tokens.size()));
  };
  add("<unk>", TokenType::unknown);
  add("<s>", TokenType::control);
  add("</s>", TokenType::control);
  for (int b = 0; b < 256; ++b) add(fmt::format("<0x{:02X}>", b), TokenType::byte);
  for (const char* token : {"▁", "a", "b", "s", "<", ">", "<s", "s>", "<s>", "aa", "aaaa",
                            "aaaaaaaa", "▁a", "▁▁", "▁▁▁▁"}) {
    add(token, TokenType::normal);
  }
  return data;
}

std::vector<std::pair<std::string, Tokenizer>> tokenizers() {
  std::vector<std::pair<std::string, Tokenizer>> all;
  for (const char* name :
       {"gpt-2", "llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm", "deepseek-coder"}) {
    all.emplace_back(name,
                     test::must_build(small_data({"aa", "aaaa", "  ", "    ", "\n\n", "é"}, name)));
  }
  all.emplace_back("spm", test::must_build(spm_data()));
  return all;
}

// What decides whether a smaller model may guess for another.
TEST(Tokenizer, FirstDifferenceIsTheFirstIdOfOtherBytes) {
  const auto build = [](std::initializer_list<std::string_view> words,
                        const char* padding = nullptr) {
    VocabularyData data = small_data(words);
    if (padding != nullptr) data.tokens.emplace_back(padding);
    return test::must_build(std::move(data));
  };
  const Tokenizer base = build({"aa", "bb"});
  EXPECT_EQ(base.first_difference(build({"aa", "bb"})), std::nullopt);
  EXPECT_EQ(base.first_difference(build({"aa", "cc"})), 257);
  EXPECT_EQ(base.first_difference(build({"cc", "bb"})), 256);
  EXPECT_EQ(base.first_difference(build({"aa", "bb", "cc"})), 258);
  EXPECT_EQ(build({"aa", "bb", "cc"}).first_difference(base), 258);
  const Tokenizer padded = build({"aa", "bb"}, "[PAD258]");
  EXPECT_EQ(padded.vocab_size(), 259);
  EXPECT_EQ(base.first_difference(padded), std::nullopt);
  EXPECT_EQ(padded.first_difference(base), std::nullopt);
  EXPECT_EQ(padded.first_difference(build({"aa", "bb", "cc"})), 258);
  EXPECT_EQ(base.first_difference(build({"aa", "bb"}, "[PAD9]")), 258);  // not its own number
}

TEST(HostileText, InvalidUtf8AtEveryPosition) {
  const std::string text = "aé世😀 'S 12\n\u0301z";
  const std::string wrong[] = {
      "\x80", "\xC0", "\xC0\xAF",         "\xE2\x82",     "\xF0\x9F\x98",
      "\xFF", "\xFE", "\xED\xA0\x80",     "\xE0\x80\xAF", "\xF4\x90\x80\x80",
      "\xF8", "\xC1", "\xF0\x80\x80\x80", "\xEF\xBF\xBE", std::string(1, '\0')};
  for (const auto& [name, tokenizer] : tokenizers()) {
    for (size_t at = 0; at <= text.size(); ++at) {
      for (const std::string& bytes : wrong) {
        std::string mixed = text;
        mixed.insert(at, bytes);
        ASSERT_EQ(tokenizer.decode(tokenizer.encode(mixed), false), mixed) << name;
      }
    }
  }
}

TEST(HostileText, EveryTruncationAndEverySingleByte) {
  const std::string text = "a\u0000\ufffe\uffff é👩‍👩‍👧‍👦 🇨🇳 👍🏽";
  for (const auto& [name, tokenizer] : tokenizers()) {
    for (size_t end = 0; end <= text.size(); ++end) {
      const std::string part = text.substr(0, end);
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(part), false), part) << name;
    }
    for (int b = 0; b < 256; ++b) {
      const std::string byte(1, static_cast<char>(b));
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(byte), false), byte) << name << " " << b;
    }
  }
}

TEST(HostileText, AMegabyteOfOneThing) {
  const double start = thread_seconds();
  for (const auto& [name, tokenizer] : tokenizers()) {
    for (const std::string_view unit : {"a", " ", "7", "\u0301", "\xFF"}) {
      std::string text;
      while (text.size() < (1 << 20)) text += unit;
      const std::vector<int32_t> ids = tokenizer.encode(text);
      ASSERT_EQ(tokenizer.decode(ids, false), text) << name;
      ASSERT_LE(ids.size(), text.size() + 1);
    }
  }
  // 35 MB; the quadratic way needs hours.
  EXPECT_LT(thread_seconds() - start, 60 * kSlowness);
}

TEST(HostileText, ControlTextInUserContentStaysText) {
  const Tokenizer tokenizer = test::must_build(chat_data());
  const EncodeOptions plain{.add_special_prefix_suffix = false};
  const EncodeOptions parse{.add_special_prefix_suffix = false, .parse_special = true};
  for (const char* text :
       {"<｜User｜>", "</think>", "<｜tool▁calls▁begin｜>", "<|EOT|>", "<｜begin▁of▁sentence｜>"}) {
    const int32_t id = tokenizer.find(text).value();
    EXPECT_EQ(tokenizer.encode(text, parse), std::vector{id});
    for (const std::string& content :
         {std::string(text), std::string("a") + text, std::string(text) + text}) {
      for (const int32_t found : tokenizer.encode(content, plain)) EXPECT_LT(found, 263) << text;
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(content, plain), true), content);
      EXPECT_EQ(tokenizer.encode_trusted(content, {}), tokenizer.encode(content, plain));
    }
  }
  // An added token that is no markup is text of the vocabulary.
  EXPECT_EQ(tokenizer.encode("ö", plain), std::vector{tokenizer.find("ö").value()});
}

TEST(HostileText, OnlyTrustedRangesMakeControlTokens) {
  const Tokenizer tokenizer = test::must_build(chat_data());
  const int32_t user = tokenizer.find("<｜User｜>").value();
  const std::string tag = "<｜User｜>";
  const std::string text = tag + tag + tag;
  const auto size = static_cast<int64_t>(tag.size());
  const auto count = [&](std::vector<ByteRange> ranges) {
    const std::vector<int32_t> ids = tokenizer.encode_trusted(text, ranges);
    EXPECT_EQ(test::joined_bytes(tokenizer, ids), text);
    return std::ranges::count(ids, user);
  };
  EXPECT_EQ(count({}), 0);
  EXPECT_EQ(count({{0, size}}), 1);
  EXPECT_EQ(count({{0, size - 1}}), 0);
  EXPECT_EQ(count({{1, size}}), 0);
  EXPECT_EQ(count({{size, 2 * size}}), 1);
  EXPECT_EQ(count({{0, 3 * size}}), 3);
  EXPECT_EQ(count({{0, size + 1}, {2 * size - 1, 3 * size}}), 2);
  EXPECT_EQ(count({{2, size}, {0, 2}}), 1);  // ranges that touch are one
  EXPECT_EQ(count({{2, size}, {0, 1}}), 0);
  EXPECT_EQ(count({{-100, 1'000'000}}), 3);
  EXPECT_EQ(count({{5, 5}, {9, 3}, {INT64_MIN, INT64_MIN}, {INT64_MAX, INT64_MAX}}), 0);
  // A tag that starts in the template and ends in the user's text is the user's.
  EXPECT_EQ(tokenizer.encode_trusted("<｜User｜>", std::vector<ByteRange>{{0, 5}}),
            tokenizer.encode_trusted("<｜User｜>", {}));
}

TEST(HostileText, SentencePieceMergesNoControlToken) {
  const Tokenizer tokenizer = test::must_build(spm_data());
  const EncodeOptions plain{.add_special_prefix_suffix = false};
  const std::vector<int32_t> ids = tokenizer.encode("<s></s><unk>", plain);
  for (const int32_t id : ids) EXPECT_FALSE(tokenizer.is_special(id));
  EXPECT_EQ(tokenizer.decode(ids, true), "<s></s><unk>");
  EXPECT_EQ(tokenizer.encode("<s>", {.parse_special = true}), std::vector{1});
}

TEST(HostileIds, OutOfRangeAreNothing) {
  for (const auto& [name, tokenizer] : tokenizers()) {
    for (const int32_t id : {-1, INT32_MIN, tokenizer.vocab_size(), INT32_MAX}) {
      EXPECT_EQ(tokenizer.token_bytes(id), "");
      EXPECT_FALSE(tokenizer.is_special(id));
      EXPECT_FALSE(tokenizer.has(id));
      EXPECT_EQ(tokenizer.decode(std::vector{id}, false), "");
    }
    EXPECT_EQ(tokenizer.find(""), std::nullopt);
    EXPECT_EQ(tokenizer.find("no such token at all"), std::nullopt);
  }
}

TEST(HostileIds, PartialCharactersAreBytes) {
  const Tokenizer tokenizer = test::must_build(small_data({}));
  const std::vector<int32_t> ids = tokenizer.encode("世");
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(tokenizer.token_bytes(ids[0]), "\xE4");
  EXPECT_EQ(tokenizer.decode(std::span(ids).first(2), false), "\xE4\xB8");
}

struct BadVocabulary {
  const char* name;
  Code code;
  const char* message;  // part of it
  std::function<void(VocabularyData&)> spoil;
  bool spm = false;
};

void PrintTo(const BadVocabulary& bad, std::ostream* out) {
  *out << bad.name;
}

class BadVocabularies : public testing::TestWithParam<BadVocabulary> {};

TEST_P(BadVocabularies, AreRefused) {
  VocabularyData data = GetParam().spm ? spm_data() : small_data({"aa"});
  GetParam().spoil(data);
  const auto tokenizer = Tokenizer::from_vocabulary(std::move(data));
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.status().code(), GetParam().code);
  EXPECT_NE(tokenizer.status().message().find(GetParam().message), std::string::npos)
      << tokenizer.status().message();
  EXPECT_EQ(tokenizer.status().message().find('\n'), std::string::npos);
}

const BadVocabulary kBad[] = {
    {"no tokens", Code::corrupt, "tokens: expected 1 to", [](auto& d) { d.tokens.clear(); }},
    {"fewer types", Code::corrupt, "token types: expected 257",
     [](auto& d) { d.types.assign(256, TokenType::normal); }},
    {"more types", Code::corrupt, "token types: expected 257",
     [](auto& d) { d.types.assign(258, TokenType::normal); }},
    {"fewer scores", Code::corrupt, "token scores: expected", [](auto& d) { d.scores.pop_back(); },
     true},
    {"NaN score", Code::corrupt, "expected a finite number", [](auto& d) { d.scores[3] = NAN; },
     true},
    {"infinite score", Code::corrupt, "expected a finite number",
     [](auto& d) { d.scores[3] = -INFINITY; }, true},
    {"bos beyond", Code::corrupt, "bos token: expected an id in [0, 257), found 257",
     [](auto& d) { d.bos = 257; }},
    {"eos beyond", Code::corrupt, "eos token", [](auto& d) { d.eos = INT32_MAX; }},
    {"eos negative", Code::corrupt, "eos token", [](auto& d) { d.eos = -1; }},
    {"unk beyond", Code::corrupt, "unknown token", [](auto& d) { d.unk = 1 << 30; }},
    {"pad beyond", Code::corrupt, "padding token", [](auto& d) { d.pad = 257; }},
    {"prefix beyond", Code::corrupt, "before the text",
     [](auto& d) {
       d.prefix = {0, 257};
     }},
    {"suffix negative", Code::corrupt, "after the text", [](auto& d) { d.suffix = {-5}; }},
    {"added beyond", Code::corrupt, "added token: expected an id",
     [](auto& d) { d.added_tokens.push_back({.id = 257, .content = "x"}); }},
    {"added twice", Code::corrupt, "added twice",
     [](auto& d) {
       d.added_tokens.push_back({.id = 5, .content = "x"});
       d.added_tokens.push_back({.id = 5, .content = "y"});
     }},
    {"empty special", Code::corrupt, "of 1 to 1024 bytes, found 0",
     [](auto& d) {
       d.types.assign(257, TokenType::normal);
       d.types[9] = TokenType::control;
       d.tokens[9] = "";
     }},
    {"endless special", Code::corrupt, "found 10000000",
     [](auto& d) { d.added_tokens.push_back({.id = 5, .content = std::string(10'000'000, 'x')}); }},
    {"byte token -1", Code::corrupt, "expected <0x00> to <0xFF>, found `<0x-1>`",
     [](auto& d) { d.tokens[7] = "<0x-1>"; }, true},
    {"byte token ZZ", Code::corrupt, "found `<0xZZ>`", [](auto& d) { d.tokens[7] = "<0xZZ>"; },
     true},
    {"byte token 100", Code::corrupt, "found `<0x100>`", [](auto& d) { d.tokens[7] = "<0x100>"; },
     true},
    {"merge of nothing", Code::corrupt, "no token is spelled `nope`",
     [](auto& d) { d.merges.emplace_back("nope", "a"); }},
    {"merge with nothing", Code::corrupt, "no token is spelled `nope`",
     [](auto& d) { d.merges.emplace_back("a", "nope"); }},
    {"merge to nothing", Code::corrupt, "merge 1 (`a` `b`): no token is spelled `ab`",
     [](auto& d) { d.merges.emplace_back("a", "b"); }},
    {"merge of empty", Code::corrupt, "no token is spelled ``",
     [](auto& d) { d.merges.emplace_back("", ""); }},
    {"unknown pre-tokenizer", Code::unsupported, "found `default`",
     [](auto& d) { d.pre_tokenizer = "default"; }},
    {"pre-tokenizer with newlines", Code::unsupported, "pre-tokenizer: expected",
     [](auto& d) { d.pre_tokenizer = "a\nb\xFF"; }},
};
INSTANTIATE_TEST_SUITE_P(All, BadVocabularies, testing::ValuesIn(kBad));

// A token with a space inside forbids the way word by word; the ids are the same.
TEST(StrangeVocabularies, WordByWordIsTheSameAsTheWholeText) {
  VocabularyData inner = spm_data();
  inner.tokens.push_back("q▁z");
  inner.types.push_back(TokenType::normal);
  inner.scores.push_back(-1e6f);
  const Tokenizer whole = test::must_build(std::move(inner));
  const Tokenizer words = test::must_build(spm_data());
  std::mt19937_64 random(13);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t i = random() % 60; i > 0; --i) text += "aaab  s<c"[random() % 9];
    ASSERT_EQ(words.encode(text), whole.encode(text)) << text;
  }
}

TEST(StrangeVocabularies, DuplicatesDecodeAndTheLastIsFound) {
  VocabularyData data = small_data({"aa"});
  data.tokens.push_back("aa");
  const Tokenizer tokenizer = test::must_build(std::move(data));
  EXPECT_EQ(tokenizer.token_bytes(256), "aa");
  EXPECT_EQ(tokenizer.token_bytes(257), "aa");
  EXPECT_EQ(tokenizer.find("aa"), 257);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("aaa"), false), "aaa");
}

TEST(StrangeVocabularies, MissingBytesAreReplacedOrDropped) {
  VocabularyData data = small_data({});
  const std::string ff = alphabet_from_bytes("\xFF");
  std::ranges::replace(data.tokens, ff, std::string("xx"));
  Tokenizer tokenizer = test::must_build(data);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\xFF"
                                              "b"),
                             false),
            "a\uFFFD"
            "b");
  std::ranges::replace(data.tokens, std::string("q"), std::string("xy"));
  tokenizer = test::must_build(data);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("aqb"), false), "ab");
  data.unk = 3;
  tokenizer = test::must_build(std::move(data));
  EXPECT_EQ(tokenizer.encode("aqb")[1], 3);
}

TEST(StrangeVocabularies, ATokenOfTenMillionCharacters) {
  VocabularyData data = small_data({"aa"});
  data.tokens.push_back(std::string(10'000'000, 'a'));
  const Tokenizer tokenizer = test::must_build(std::move(data));
  EXPECT_EQ(tokenizer.token_bytes(257).size(), 10'000'000u);
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(tokenizer.encode(text).size(), text.size() / 2);

  VocabularyData spm = spm_data();
  spm.tokens.push_back(std::string(10'000'000, 'a'));
  spm.types.push_back(TokenType::normal);
  spm.scores.push_back(5);
  const Tokenizer other = test::must_build(std::move(spm));
  EXPECT_EQ(other.decode(other.encode(text), false), text);
}

TEST(StrangeVocabularies, AMillionEqualMerges) {
  VocabularyData data = small_data({"aa"});
  for (int i = 0; i < 1'000'000; ++i) data.merges.emplace_back("a", "a");
  const Tokenizer tokenizer = test::must_build(std::move(data));
  EXPECT_EQ(test::show(tokenizer.encode("aaa")), "256 97");
}

TEST(StrangeVocabularies, MergesMakeNoControlToken) {
  VocabularyData data = chat_data();
  // "<" "|EOT|>" would be <|EOT|> if its merge counted.
  data.tokens.push_back("|EOT|>");
  data.merges.emplace_back("<", "|EOT|>");
  for (const char* part : {"|E", "OT", "|>", "|EOT"}) data.tokens.push_back(part);
  data.merges.emplace_back("|", "E");
  data.merges.emplace_back("O", "T");
  data.merges.emplace_back("|", ">");
  data.merges.emplace_back("|E", "OT");
  data.merges.emplace_back("|EOT", "|>");
  data.pre_tokenizer.clear();  // one piece
  const Tokenizer tokenizer = test::must_build(std::move(data));
  for (const int32_t id : tokenizer.encode("<|EOT|>", {.add_special_prefix_suffix = false})) {
    EXPECT_FALSE(tokenizer.is_special(id));
  }
}

TEST(StrangeVocabularies, PaddingRowsAreNoTokens) {
  VocabularyData data = small_data({});
  data.types.assign(256, TokenType::normal);
  data.tokens.push_back("[PAD256]");
  data.types.push_back(TokenType::user_defined);
  data.tokens.push_back("anything");
  data.types.push_back(TokenType::unused);
  data.tokens.push_back("[PAD7]");  // not its own id: a token
  data.types.push_back(TokenType::user_defined);
  const Tokenizer tokenizer = test::must_build(std::move(data));
  EXPECT_FALSE(tokenizer.has(256));
  EXPECT_FALSE(tokenizer.has(257));
  EXPECT_TRUE(tokenizer.has(258));
  EXPECT_EQ(tokenizer.encode("[PAD256]", {.parse_special = true}).size(), 8u);
  EXPECT_EQ(tokenizer.vocab_size(), 259);
}

}  // namespace
}  // namespace hearth
