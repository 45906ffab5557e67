// Policies as files say them.
#include "hearth/guard/pii/policy.h"

#include <gtest/gtest.h>

#include <string>

#include "hearth/files/atomic_file.h"

namespace hearth::pii {
namespace {

TEST(Policy, WhatItAllows) {
  const auto usual = parse_policy("{}");
  ASSERT_TRUE(usual.has_value());
  EXPECT_EQ(usual->types, TypeSet::by_default());
  const auto some = parse_policy(R"({"types":["IP","EMAIL"],"except":["IP"],"score_min":0.7})");
  ASSERT_TRUE(some.has_value());
  EXPECT_TRUE(some->types.has(Type::email));
  EXPECT_FALSE(some->types.has(Type::ip));
  EXPECT_FALSE(some->types.has(Type::mobile));
  EXPECT_EQ(some->score_min, 0.7);
  const auto names = parse_policy(R"({"names":true})");
  ASSERT_TRUE(names.has_value());
  EXPECT_EQ(names->types, TypeSet::all());
}

TEST(Policy, WhatItRefuses) {
  for (const char* json :
       {"", "[]", R"({"type":["IP"]})", R"({"types":["ip"]})", R"({"types":"IP"})",
        R"({"score_min":0})", R"({"score_min":"1"})", R"({"names":1})"}) {
    EXPECT_FALSE(parse_policy(json).has_value()) << json;
  }
}

TEST(Policy, AFilesErrorsNameIt) {
  const std::string path = testing::TempDir() + "pii_policy.json";
  ASSERT_TRUE(write_whole(path, R"({"types":["IP"]})").is_ok());
  const auto read = read_policy(path);
  ASSERT_TRUE(read.has_value()) << read.status().message();
  EXPECT_TRUE(read->types.has(Type::ip));
  ASSERT_TRUE(write_whole(path, R"({"types":"IP"})").is_ok());
  for (const std::string& wrong : {path, path + ".none"}) {
    const auto refused = read_policy(wrong);
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.status().message().starts_with(wrong)) << refused.status().message();
  }
}

TEST(Mode, NamesAndBack) {
  for (Mode mode : {Mode::off, Mode::log_only, Mode::mask, Mode::block}) {
    EXPECT_EQ(find_mode(mode_name(mode)), mode);
  }
  EXPECT_FALSE(find_mode("masks").has_value());
}

}  // namespace
}  // namespace hearth::pii
