// The scanners against PCRE2 running the published expressions, on random text; and their time on
// long runs of one character.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "hearth/text/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include <chrono>
#include <memory>
#include <random>

#include "hearth/text/tokenizer/scanners.h"
#include "hearth/text/tokenizer/test_support.h"
#include "hearth/text/tokenizer/unicode.h"

namespace hearth {
namespace {

class Regex {
 public:
  explicit Regex(const std::string& pattern) {
    int code = 0;
    size_t offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &code, &offset, nullptr));
    CHECK(code_ != nullptr);
    match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  bool finds(std::string_view text) const {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                       match_.get(), nullptr) > 0;
  }

  // Pieces of `text`, matches and gaps.
  void isolate(std::string_view text, std::vector<std::string_view>& pieces) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    size_t done = 0;
    while (done < text.size() &&
           pcre2_match(code_.get(), subject, text.size(), done, 0, match_.get(), nullptr) > 0) {
      const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match_.get());
      CHECK_LT(found[0], found[1]);
      if (done < found[0]) pieces.push_back(text.substr(done, found[0] - done));
      pieces.push_back(text.substr(found[0], found[1] - found[0]));
      done = found[1];
    }
    if (done < text.size()) pieces.push_back(text.substr(done));
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> match_;
};

std::vector<std::string_view> oracle(std::string_view text, const std::vector<Regex>& regexes) {
  std::vector<std::string_view> pieces{text};
  for (const Regex& regex : regexes) {
    std::vector<std::string_view> next;
    for (const std::string_view piece : pieces) regex.isolate(piece, next);
    pieces.swap(next);
  }
  return pieces;
}

std::vector<std::string_view> scanned(std::string_view text, std::span<const Split> splits) {
  CharText chars;
  chars.assign(text);
  std::vector<size_t> ends;
  split_text(chars, splits, ends);
  std::vector<std::string_view> pieces;
  size_t begin = 0;
  for (const size_t end : ends) {
    const size_t at = chars.offsets[begin];
    pieces.push_back(text.substr(at, chars.offsets[end] - at));
    begin = end;
  }
  return pieces;
}

// Runs of characters from blocks where the classes border on each other; only characters that
// PCRE2, whose Unicode may be older than utf8proc's, knows.
std::string random_text(std::mt19937_64& random) {
  static const Regex unassigned("\\p{Cn}");
  struct Block {
    uint32_t first, last;
  };
  static constexpr Block kBlocks[] = {
      {'a', 'z'},       {'A', 'Z'},         {'0', '9'},         {' ', ' '},       {' ', ' '},
      {9, 13},          {'!', '~'},         {'\'', '\''},       {0, 0x1F},        {0x80, 0x24F},
      {0x250, 0x3FF},   {0x400, 0x5FF},     {0x600, 0x8FF},     {0x900, 0x17FF},  {0x1810, 0x1FFF},
      {0x2000, 0x20FF}, {0x2100, 0x2BFF},   {0x2C00, 0x2FFF},   {0x3000, 0x30FF}, {0x3100, 0x4DFF},
      {0x4E00, 0x9FFF}, {0x9FA0, 0x9FB0},   {0xA000, 0xABFF},   {0xAC00, 0xD7FF}, {0xE000, 0xF8FF},
      {0xF900, 0xFFFF}, {0x10000, 0x1FFFF}, {0x20000, 0x10FFFF}};
  std::string text;
  for (size_t runs = 1 + random() % 8; runs > 0; --runs) {
    const Block& block = kBlocks[random() % std::size(kBlocks)];
    for (size_t length = 1 + random() % 4; length > 0; --length) {
      const uint32_t c =
          block.first + static_cast<uint32_t>(random() % (block.last - block.first + 1));
      std::string spelled;
      append_utf8(c, spelled);
      if (!unassigned.finds(spelled)) text += spelled;
    }
    static constexpr const char* kEndings[] = {"'s", "'RE", "'ll", "'\u017f", "'v", "  x", "\n \n"};
    if (random() % 6 == 0) text += kEndings[random() % std::size(kEndings)];
  }
  return text;
}

TEST(PreTokenizers, AgreeWithPcre2) {
  const Json data = *read_json_file(test::data_path("pre_tokenizers.json"));
  std::mt19937_64 random(7);
  for (const auto& [name, patterns] : data["patterns"].items()) {
    std::vector<Regex> regexes;
    for (const Json& pattern : patterns) regexes.emplace_back(pattern.get<std::string>());
    for (int i = 0; i < 4000; ++i) {
      const std::string text = random_text(random);
      ASSERT_EQ(scanned(text, splits_by_name(name)), oracle(text, regexes))
          << name << ": " << Json(text).dump(-1, ' ', true);
    }
  }
}

TEST(PreTokenizers, AreLinear) {
  constexpr const char* kNames[] = {"gpt-2",       "llama-bpe",    "qwen2",
                                    "deepseek-v3", "deepseek-llm", "deepseek-coder"};
  constexpr const char* kUnits[] = {"a",  " ",    "\n",      "\t",     "1",    "'",
                                    "!",  "世",   "\u0301",  "\u200d", "\x80", " \n",
                                    " a", "\n x", "a\u0301", "\u3000", "é!"};
  const auto start = std::chrono::steady_clock::now();
  for (const char* name : kNames) {
    for (const std::string_view unit : kUnits) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      CharText chars;
      chars.assign(text);
      std::vector<size_t> ends;
      split_text(chars, splits_by_name(name), ends);
      EXPECT_EQ(ends.back(), chars.chars.size());
    }
  }
  // 30 MB in all; a quadratic scanner would need hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(PreTokenizers, UnknownPatternsAreNotKnown) {
  EXPECT_FALSE(split_by_pattern(R"(\p{L}+)").has_value());
  EXPECT_FALSE(split_by_pattern("").has_value());
  EXPECT_TRUE(splits_by_name("default").empty());
  EXPECT_EQ(split_by_pattern("[\r\n]"), Split::newlines);
  EXPECT_EQ(split_by_pattern("[\\r\\n]"), Split::newlines);
}

}  // namespace
}  // namespace hearth
