// What the tokenizers package makes of many texts (tools/golden/make_tokenizer_cases.py).
#include <gtest/gtest.h>

#include "hearth/text/tokenizer/pre_tokenizer.h"
#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

Json testdata(const char* name) {
  return *read_json_file(test::data_path(name));
}

std::vector<size_t> pieces(std::string_view text, std::string_view pre_tokenizer) {
  CharText chars;
  chars.assign(text);
  std::vector<size_t> ends;
  split_text(chars, splits_by_name(pre_tokenizer), ends);
  return ends;
}

TEST(Golden, PatternsAreKnown) {
  const Json data = testdata("pre_tokenizers.json");
  for (const auto& [name, patterns] : data["patterns"].items()) {
    std::vector<Split> splits;
    for (const Json& pattern : patterns) {
      const auto split = split_by_pattern(pattern.get<std::string>());
      ASSERT_TRUE(split.has_value()) << pattern;
      splits.push_back(*split);
    }
    EXPECT_EQ(name_of_splits(splits), name);
    EXPECT_TRUE(std::ranges::equal(splits, splits_by_name(name)));
  }
}

TEST(Golden, PreTokenizersCutWhereTheyShould) {
  const Json data = testdata("pre_tokenizers.json");
  size_t count = 0;
  for (const Json& item : data["cases"]) {
    const auto name = item[0].get<std::string>();
    const auto text = item[1].get<std::string>();
    ASSERT_EQ(pieces(text, name), item[2].get<std::vector<size_t>>()) << name << ": " << item[1];
    ++count;
  }
  EXPECT_GT(count, 2500u);
}

TEST(Golden, SmallTokenizers) {
  const Json data = testdata("small_tokenizers.json");
  for (const Json& item : data) {
    const Tokenizer tokenizer = test::must_read_json(item["tokenizer"].dump());
    for (const Json& expected : item["cases"]) {
      const auto text = expected[0].get<std::string>();
      const std::vector<int32_t> ids = tokenizer.encode(text, {.parse_special = true});
      EXPECT_EQ(test::show(ids), test::show(expected[1].get<std::vector<int32_t>>()))
          << item["name"] << ": " << expected[0];
      if (expected[2].is_null()) continue;
      EXPECT_EQ(tokenizer.decode(ids, true), expected[2].get<std::string>())
          << item["name"] << ": " << expected[0];
    }
  }
}

TEST(Golden, DeepSeekV3) {
  if (!test::have_shared()) GTEST_SKIP() << "the shared fixtures are not here";
  const Tokenizer tokenizer = test::must_build(test::deepseek_v3_data());
  for (const Json& item : testdata("deepseek_v3.json")) {
    const auto text = item[0].get<std::string>();
    const std::vector<int32_t> ids = tokenizer.encode(text, {.add_special_prefix_suffix = false});
    EXPECT_EQ(test::show(ids), test::show(item[1].get<std::vector<int32_t>>())) << item[0];
    EXPECT_EQ(tokenizer.decode(ids, false), text);
  }
}

}  // namespace
}  // namespace hearth
