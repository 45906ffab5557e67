// Every public vector whose vocabulary is there, exactly.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hearth/text/tokenizer/test_support.h"

namespace hearth {
namespace {

using test::show;

std::vector<std::string> texts_of(const std::string& content) {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  size_t at = 0;
  while (true) {
    const size_t end = content.find(kSeparator, at);
    texts.push_back(content.substr(at, end - at));
    if (end == content.npos) return texts;
    at = end + kSeparator.size();
  }
}

// The lines of ids; spaces between.
std::vector<std::string> lines_of(const std::string& content) {
  std::vector<std::string> lines;
  std::istringstream stream(content);
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    std::vector<int32_t> ids;
    int32_t id = 0;
    while (words >> id) ids.push_back(id);
    lines.push_back(show(ids));
  }
  return lines;
}

void expect_vectors(const Tokenizer& tokenizer, const std::string& name) {
  const std::string base = test::shared_path("vectors/ggml-vocab-" + name + ".gguf");
  const std::vector<std::string> texts = texts_of(test::must_read(base + ".inp"));
  const std::vector<std::string> expected = lines_of(test::must_read(base + ".out"));
  ASSERT_EQ(texts.size(), 47u);
  ASSERT_GE(expected.size(), texts.size() - 1);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int32_t> ids =
        tokenizer.encode(texts[i], {.add_special_prefix_suffix = false});
    EXPECT_EQ(show(ids), i < expected.size() ? expected[i] : "") << name << ": " << texts[i];
    EXPECT_EQ(tokenizer.decode(ids, false), texts[i]);
  }
}

class GgufVectors : public testing::TestWithParam<const char*> {};

TEST_P(GgufVectors, AreExact) {
  if (!test::have_shared()) GTEST_SKIP() << "the shared fixtures are not here";
  expect_vectors(test::gguf_tokenizer(GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, GgufVectors,
                         testing::Values("deepseek-coder", "deepseek-llm", "gpt-2", "llama-spm",
                                         "phi-3"));

TEST(Vectors, Qwen2) {
  if (!test::have_shared()) GTEST_SKIP() << "the shared fixtures are not here";
  expect_vectors(test::qwen2_tokenizer(), "qwen2");
}

TEST(Vectors, DeepSeekV3Examples) {
  if (!test::have_shared()) GTEST_SKIP() << "the shared fixtures are not here";
  const Tokenizer tokenizer = test::must_build(test::deepseek_v3_data());
  EXPECT_EQ(show(tokenizer.encode("Hello world")), "0 19923 2058");
  EXPECT_EQ(show(tokenizer.encode("你好世界")), "0 30594 3427");
  EXPECT_EQ(tokenizer.vocab_size(), 128815);
  EXPECT_EQ(tokenizer.find("<think>"), 128798);
  EXPECT_EQ(tokenizer.find("<｜tool▁sep｜>"), 128814);
  EXPECT_EQ(tokenizer.bos_text(), "<｜begin▁of▁sentence｜>");
  EXPECT_EQ(tokenizer.eos_text(), "<｜end▁of▁sentence｜>");
  EXPECT_FALSE(tokenizer.has(128815));
}

}  // namespace
}  // namespace hearth
