// Tests of settings_file.h.
#include "hearth/files/settings_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace hearth {
namespace {

std::string message_of(std::string_view text) {
  const auto settings = parse_settings(text);
  return settings ? "accepted" : settings.status().message();
}

// Of a code point from U+0080 to U+FFFF.
std::string utf8_of(uint32_t code) {
  const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), tail(code)};
  return {static_cast<char>(0xE0 | (code >> 12)), tail(code >> 6), tail(code)};
}

TEST(SettingsFile, SectionsKindsAndLines) {
  const auto settings = parse_settings(
      "threads = 4\n"
      "lang = \"zh\"\n"
      "\n"
      "[serve]\n"
      "stop = [\"a\", 'b']\n"
      "insecure = true\n"
      "[eval.run]\n"
      "top-p = 0.95\n");
  ASSERT_TRUE(settings.has_value()) << settings.status().message();
  const std::vector<Setting> expected = {{{}, "threads", {"4"}, false, 1},
                                         {{}, "lang", {"zh"}, false, 2},
                                         {{"serve"}, "stop", {"a", "b"}, true, 5},
                                         {{"serve"}, "insecure", {"true"}, false, 6},
                                         {{"eval", "run"}, "top-p", {"0.95"}, false, 8}};
  EXPECT_EQ(*settings, expected);
}

TEST(SettingsFile, NothingIsNoSettings) {
  for (const char* text : {"", "\n", "# only words\n", "[serve]\n"}) {
    const auto settings = parse_settings(text);
    ASSERT_TRUE(settings.has_value()) << text;
    EXPECT_TRUE(settings->empty()) << text;
  }
}

TEST(SettingsFile, WrongFilesAreOneLineWithTheirPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"a = 1\nb =\n", "line 2: "},
      {"a = 1\na = 2\n", "line 2: "},
      {"a = 1\n\n[serve\n", "line 3: "},
      {"a = \"no end\n", "line 1: "},
      {"a = 99999999999999999999\n", "line 1: "},
      {"a = \"\xff\"\n", "line 1: "},
      {"a = 1\nb = 1979-05-27\n", "line 2: `b`: expected a string"},
      {"a = [[1]]\n", "line 1: `a`: expected a string"},
      {"[[serve]]\nport = 1\n", "found a table"},
      {std::string(300'000, '#'), "expected at most 262144 bytes"},
  };
  for (const auto& [text, begin] : cases) {
    const std::string message = message_of(text);
    EXPECT_NE(message.find(begin), std::string::npos) << text.substr(0, 40) << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

// A run over all of the basic plane, where toml++'s tables of white space end. Found by fuzzing.
TEST(SettingsFile, NoCharacterOutsideAsciiIsAKeyOrWhiteSpace) {
  for (uint32_t code = 0xA0; code <= 0xFFFF; ++code) {
    if ((code >= 0xD800 && code <= 0xDFFF) || code == 0xFEFF)
      continue;  // halves; a mark at the begin
    const std::string character = utf8_of(code);
    EXPECT_NE(message_of("[serve]" + character + "\n"), "accepted") << code;
    EXPECT_NE(message_of(character + "a = 1\n"), "accepted") << code;
    const auto settings = parse_settings("a = \"\"\"\\\n" + character + "b\"\"\" # " + character);
    ASSERT_TRUE(settings.has_value()) << code << settings.status().message();
    EXPECT_TRUE(settings->at(0).values[0].ends_with("b"));
  }
}

TEST(SettingsFile, DepthIsBounded) {
  std::string deep = "[a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_NE(message_of(deep + "]\n").find("dots"), std::string::npos);
  std::string allowed = "[a";
  for (int i = 0; i < 4000; ++i) allowed += ".a";
  EXPECT_EQ(message_of(allowed + "]\nb = 1\n"), "accepted");
  EXPECT_NE(message_of("a = " + std::string(100'000, '[')), "accepted");
}

TEST(SettingsFile, AFileNamesItselfAndItsLine) {
  const std::string path = testing::TempDir() + "/settings_file_test.toml";
  std::ofstream(path) << "a = 1\nb = \n";
  const auto settings = read_settings_file(path);
  ASSERT_FALSE(settings.has_value());
  const std::string& message = settings.status().message();
  EXPECT_TRUE(message.starts_with(path + ":2: ")) << message;
  std::filesystem::remove(path);
  EXPECT_EQ(read_settings_file(path).status().code(), Code::not_found);
  EXPECT_FALSE(read_settings_file("/dev/zero").has_value());
}

}  // namespace
}  // namespace hearth
