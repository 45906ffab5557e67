// Limits hold before anything is built; every accessor says what it expected and what it found.
#include "hearth/files/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

std::string refusal(std::string_view text, JsonLimits limits = {}) {
  const auto json = parse_json(text, limits);
  if (json) return "accepted";
  EXPECT_EQ(json.status().code(), Code::corrupt);
  EXPECT_EQ(json.status().message().find('\n'), std::string::npos);
  EXPECT_LT(json.status().message().size(), 300u);
  return json.status().message();
}

bool refused(std::string_view text) {
  return refusal(text) != "accepted";
}

std::string nested(int depth, char open, char close) {
  return std::string(static_cast<size_t>(depth), open) +
         std::string(static_cast<size_t>(depth), close);
}

TEST(Json, KeepsOrderAndValues) {
  const std::string text =
      R"({"z":[1,-2,2.5,"é",true,null],"a":{"b":{}},"n":18446744073709551615})";
  const auto json = parse_json(text);
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->dump(), text);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text :
       {"",      " ",         "{",     "[1,]",    "{\"a\":1,}",  "nul",
        "NaN",   "Infinity",  "1e400", "-1e400",  "01",          "+1",
        ".5",    "'a'",       "\"a",   "\"\\x\"", "\"\\ud800\"", "\"\\udc00\\ud800\"",
        "[1] 2", "{\"a\" 1}", "{1:2}", "\"\n\"",  "/* */ 1",     "\xEF\xBB\xBF\xEF\xBB\xBF{}"}) {
    EXPECT_TRUE(refused(text)) << text;
  }
  EXPECT_TRUE(refused(std::string_view("1\0", 2)));
  for (const char* bytes : {"\"\x80\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                            "\"\xC3\"", "\"\xF0\x9F\x98\"", "\xFF"}) {
    EXPECT_TRUE(refused(bytes));
  }
  EXPECT_TRUE(refused(fmt::format("\"{}", std::string(100'000, 'x'))));
  EXPECT_NE(refusal("[1,]").find("at byte 4"), std::string::npos) << refusal("[1,]");
}

TEST(Json, DepthIsBounded) {
  EXPECT_FALSE(refused(nested(64, '[', ']')));
  EXPECT_TRUE(refused(nested(65, '[', ']')));
  EXPECT_TRUE(refused(nested(100'000, '[', ']')));
  EXPECT_TRUE(refused(std::string(100'000, '[')));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal(objects).find("nesting"), std::string::npos);
  // Brackets inside strings are text.
  EXPECT_FALSE(refused(fmt::format("\"{}\"", std::string(1000, '['))));
}

TEST(Json, SizeAndCountAreBounded) {
  JsonLimits limits;
  limits.bytes_max = 8;
  EXPECT_EQ(refusal("[1,2,3]", limits), "accepted");
  EXPECT_NE(refusal("[1,2,3,4]", limits).find("at most 8 bytes"), std::string::npos);
  limits = {};
  limits.values_max = 4;
  EXPECT_EQ(refusal("[1,2,3]", limits), "accepted");
  EXPECT_NE(refusal("[1,2,3,4]", limits).find("at most 4 values"), std::string::npos);
  EXPECT_NE(refusal("[[],[],[],[]]", limits).find("at most 4 values"), std::string::npos);
}

TEST(Json, DuplicateKeys) {
  EXPECT_EQ(parse_json(R"({"a":1,"b":2,"a":3})")->dump(), R"({"b":2,"a":3})");
  EXPECT_EQ(parse_json(R"({"a":1,"\u0061":3})")->dump(), R"({"a":3})");
  JsonLimits limits;
  limits.refuse_duplicates = true;
  EXPECT_NE(refusal(R"({"x":{"a":1,"b":2,"a":3}})", limits).find("`a` stands twice"),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"a":{"a":1},"b":{"a":2}})", limits), "accepted");
}

// Linear in the number of keys: nlohmann's own parser would look each up among all before it.
TEST(Json, ManyKeysAreFast) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"key{}\":{}", i ? "," : "", i, i);
  text += "}";
  const auto start = std::chrono::steady_clock::now();
  const auto json = parse_json(text);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->size(), 200'000u);
}

TEST(Json, Accessors) {
  const Json json = *parse_json(
      R"({"i":7,"f":2.5,"whole":8192.0,"s":"x","b":true,"n":null,"o":{},"a":[1],"big":1e300,)"
      R"("u":18446744073709551615})");
  EXPECT_EQ(*json_int(json, "i", 1, 10), 7);
  EXPECT_EQ(*json_int(json, "whole", 1, 10'000), 8192);
  EXPECT_EQ(*json_number(json, "i", 0, 10), 7.0);
  EXPECT_EQ(*json_number(json, "f", 0, 10), 2.5);
  EXPECT_EQ(*json_string(json, "s"), "x");
  EXPECT_TRUE(*json_bool(json, "b"));
  EXPECT_EQ((*json_array(json, "a"))->size(), 1u);
  EXPECT_TRUE((*json_object(json, "o"))->empty());
  EXPECT_EQ(json_find(json, "n"), nullptr);
  EXPECT_EQ(json_find(json, "absent"), nullptr);
  EXPECT_EQ(json_find(*json_find(json, "a"), "x"), nullptr);
  EXPECT_EQ(*json_int_or(json, "n", 5, 0, 10), 5);
  EXPECT_EQ(*json_number_or(json, "absent", 0.5, 0, 10), 0.5);
  EXPECT_EQ(*json_string_or(json, "absent", "y"), "y");
  EXPECT_FALSE(*json_bool_or(json, "absent", false));
  EXPECT_EQ(*json_int_or(json, "i", 5, 0, 10), 7);
  EXPECT_EQ(*json_number_or(json, "f", 5, 0, 10), 2.5);
  EXPECT_EQ(*json_string_or(json, "s", "y"), "x");
  EXPECT_TRUE(*json_bool_or(json, "b", false));
}

TEST(Json, AccessorsSayWhatIsWrong) {
  const Json json = *parse_json(
      R"({"i":70,"f":2.5,"s":"x","n":null,"o":{},"a":[1],"big":1e300,"u":18446744073709551615})");
  const auto message = [&](auto result) {
    EXPECT_FALSE(result.has_value());
    return result.status().message();
  };
  EXPECT_EQ(message(json_int(json, "s", 1, 512)),
            "`s`: expected an integer in [1, 512], found \"x\"");
  EXPECT_EQ(message(json_int(json, "i", 1, 10)), "`i`: expected an integer in [1, 10], found 70");
  EXPECT_EQ(message(json_int(json, "f", 1, 10)), "`f`: expected an integer in [1, 10], found 2.5");
  EXPECT_EQ(message(json_int(json, "absent", 1, 10)),
            "`absent`: expected an integer in [1, 10], found nothing");
  EXPECT_EQ(message(json_int(json, "n", 1, 10)), "`n`: expected an integer in [1, 10], found null");
  EXPECT_FALSE(json_int(json, "big", INT64_MIN, INT64_MAX).has_value());
  EXPECT_FALSE(json_int(json, "u", INT64_MIN, INT64_MAX).has_value());
  EXPECT_FALSE(json_int(Json::array(), "u", 0, 1).has_value());
  EXPECT_EQ(message(json_number(json, "s", 0, 1)), "`s`: expected a number in [0, 1], found \"x\"");
  EXPECT_FALSE(json_number(json, "big", 0, 1).has_value());
  EXPECT_EQ(message(json_string(json, "o")), "`o`: expected a string, found an object");
  EXPECT_EQ(message(json_bool(json, "a")), "`a`: expected true or false, found an array of 1");
  EXPECT_FALSE(json_bool_or(json, "i", false).has_value());
  EXPECT_FALSE(json_string_or(json, "i", "").has_value());
  EXPECT_EQ(message(json_object(json, "a")), "`a`: expected an object, found an array of 1");
  EXPECT_EQ(message(json_array(json, "o")), "`o`: expected an array, found an object");
}

TEST(Json, Files) {
  const std::string path = testing::TempDir() + "file.json";
  std::ofstream(path) << "{\"a\":1}";
  EXPECT_EQ(read_json_file(path)->dump(), "{\"a\":1}");
  std::ofstream(path) << "{\"a\":";
  EXPECT_TRUE(read_json_file(path).status().message().starts_with(path + ": not JSON"));
  std::ofstream(path) << "version https://git-lfs.github.com/spec/v1\n";
  EXPECT_NE(read_json_file(path).status().message().find("LFS"), std::string::npos);
  EXPECT_EQ(read_json_file(path + ".absent").status().code(), Code::not_found);
  JsonLimits small;
  small.bytes_max = 3;
  EXPECT_EQ(read_json_file(path, small).status().code(), Code::corrupt);
}

TEST(OutsideBytes, Utf8AgreesWithTheTable) {
  // Each scalar value is well-formed in its one encoding; each two-byte pair is what it should be.
  int good = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char pair[2] = {static_cast<char>(a), static_cast<char>(b)};
      const bool two = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
      EXPECT_EQ(is_utf8({pair, 2}), two || (a < 0x80 && b < 0x80)) << a << " " << b;
      good += two;
    }
  }
  EXPECT_EQ(good, 0x800 - 0x80);
  for (const char* text : {"\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
                           "\xF4\x8F\xBF\xBF", ""}) {
    EXPECT_TRUE(is_utf8(text));
  }
  for (const char* text : {"\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xE2\x82", "a\xE2\x82z", "\xC1\xBF"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(OutsideBytes, ExcerptIsOneCleanLine) {
  EXPECT_EQ(excerpt("plain"), "plain");
  EXPECT_EQ(excerpt("a\nb\x7F"), "a?b?");
  EXPECT_EQ(excerpt("\xFFx"), "\uFFFDx");
  EXPECT_EQ(excerpt("abcdef", 3), "abc...");
  EXPECT_EQ(excerpt("思思", 3), "思...");
  EXPECT_TRUE(is_utf8(excerpt(std::string(1000, '\xE6'))));
}

}  // namespace
}  // namespace hearth
