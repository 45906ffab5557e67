// Decoding is strict, and NFC is that of utf8proc, in bounded time.
#include "hearth/text/tokenizer/unicode.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <random>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

TEST(Unicode, DecodesEveryCodePoint) {
  for (uint32_t c = 0; c < kCodePointsEnd; ++c) {
    std::string text;
    append_utf8(c, text);
    const DecodedChar decoded = decode_utf8(text, 0);
    if (c >= 0xD800 && c <= 0xDFFF) {
      ASSERT_EQ(decoded.code_point, kCodePointsEnd + 0xED);
      ASSERT_EQ(decoded.bytes, 1u);
    } else {
      ASSERT_EQ(decoded.code_point, c);
      ASSERT_EQ(decoded.bytes, text.size());
    }
  }
}

TEST(Unicode, AgreesWithIsUtf8OnAnyBytes) {
  std::mt19937_64 random(3);
  constexpr uint8_t kBytes[] = {0x00, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xA0, 0xED,
                                0x9F, 0xEF, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF, 0x82, 0xAC};
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (size_t i = random() % 7; i > 0; --i) {
      text += static_cast<char>(kBytes[random() % std::size(kBytes)]);
    }
    bool valid = true;
    size_t at = 0;
    while (at < text.size()) {
      const DecodedChar c = decode_utf8(text, at);
      valid = valid && c.code_point < kCodePointsEnd;
      at += c.bytes;
    }
    ASSERT_EQ(at, text.size());
    ASSERT_EQ(valid, is_utf8(text));
  }
}

TEST(Unicode, Classes) {
  EXPECT_EQ(unicode_classes('a'), kLetter);
  EXPECT_EQ(unicode_classes(0x4E00), kLetter);
  EXPECT_EQ(unicode_classes('7'), kNumber);
  EXPECT_EQ(unicode_classes(0x2167), kNumber);  // Ⅷ
  EXPECT_EQ(unicode_classes('\n'), kSpace | kNewline);
  EXPECT_EQ(unicode_classes(0x85), kSpace);
  EXPECT_EQ(unicode_classes(0x200B), 0);  // zero width space is no space
  EXPECT_EQ(unicode_classes(0xFF5C), kSymbol);
  EXPECT_EQ(unicode_classes(0x301), kMark | kNotInert);
  EXPECT_EQ(unicode_classes(kCodePointsEnd + 0x80), 0);
}

std::string nfc_of_library(const std::string& text) {
  utf8proc_uint8_t* out = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string result(reinterpret_cast<char*>(out), static_cast<size_t>(size));
  std::free(out);
  return result;
}

TEST(Nfc, IsThatOfTheLibrary) {
  std::mt19937_64 random(5);
  constexpr uint32_t kBlocks[] = {0x41,   0xC0,   0x300,  0x323,   0x900,   0xDC0,  0x1100,
                                  0x1160, 0x11A8, 0x1E00, 0x1F00,  0x2120,  0x3040, 0x3099,
                                  0xAC00, 0xF900, 0xFB10, 0x1D150, 0x2F800, 0x11090};
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (size_t i = random() % 8; i > 0; --i) {
      const uint32_t block = kBlocks[random() % std::size(kBlocks)];
      append_utf8(block + static_cast<uint32_t>(random() % 0x60), text);
    }
    ASSERT_EQ(to_nfc(text), nfc_of_library(text)) << text;
  }
}

TEST(Nfc, EveryCodePointAlone) {
  for (uint32_t c = 0; c < kCodePointsEnd; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, text);
    ASSERT_EQ(to_nfc(text), nfc_of_library(text)) << c;
  }
}

TEST(Nfc, LeavesInvalidBytes) {
  EXPECT_EQ(to_nfc("e\u0301"), "é");
  EXPECT_EQ(to_nfc("\xFF"
                   "e\u0301\x80"),
            "\xFF"
            "é\x80");
  EXPECT_EQ(to_nfc("e\xCC"), "e\xCC");
  EXPECT_EQ(to_nfc(std::string("a\0b", 3)), std::string("a\0b", 3));
}

// Marks of two classes in the wrong order: sorting them by insertion is quadratic.
TEST(Nfc, IsNotQuadratic) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += "\u0301";
  for (int i = 0; i < 200'000; ++i) text += "\u0323";
  const std::string composed = to_nfc(text);
  EXPECT_TRUE(composed.starts_with("\u1EA1\u0323"));  // the dots below come first
  EXPECT_EQ(composed.size(), text.size());
}

}  // namespace
}  // namespace hearth
