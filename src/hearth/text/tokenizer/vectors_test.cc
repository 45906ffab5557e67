// Every public vector whose vocabulary is there, exactly.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "hearth/text/tokenizer/test_support.h"
#include "hearth/text/tokenizer/unicode.h"

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

// Any UTF-8 comes back exactly. Two limits are the vocabularies' own, and what transformers gives:
//   - SentencePiece's spell a space as U+2581, so that this character comes back as a space;
//   - Qwen2's normalise first, so that what comes back is the text's NFC.
enum class Limit { none, space, nfc };

std::string expected_of(const std::string& text, Limit limit) {
  if (limit == Limit::nfc) return to_nfc(text);
  if (limit == Limit::none) return text;
  std::string out;
  constexpr std::string_view kSpace = "\u2581";
  std::string_view rest = text;
  for (size_t at = rest.find(kSpace); at != rest.npos; at = rest.find(kSpace)) {
    out.append(rest.substr(0, at)).push_back(' ');
    rest.remove_prefix(at + kSpace.size());
  }
  return out.append(rest);
}

void expect_round_trip(const Tokenizer& tokenizer, const std::string& text, Limit limit) {
  const std::vector<int32_t> ids = tokenizer.encode(text, {.add_special_prefix_suffix = false});
  const std::string back = tokenizer.decode(ids, false);
  ASSERT_EQ(back, expected_of(text, limit)) << show(ids);
}

bool is_surrogate(uint32_t c) {
  return c >= 0xD800 && c < 0xE000;
}

// Builds with sanitizers, which are many times slower, take every sixteenth block.
#ifdef NDEBUG
constexpr uint32_t kBlocks = 1;
#else
constexpr uint32_t kBlocks = 16;
#endif

// Every code point: beside its neighbours, which are of its class mostly, and between spaces.
void expect_every_code_point(const Tokenizer& tokenizer, Limit limit) {
  for (uint32_t block = 0; block < kCodePointsEnd; block += 64 * kBlocks) {
    std::string together, apart = "a";
    for (uint32_t c = block; c < block + 64; ++c) {
      if (is_surrogate(c)) continue;
      append_utf8(c, together);
      apart += ' ';
      append_utf8(c, apart);
    }
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(tokenizer, together, limit)) << block;
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(tokenizer, apart, limit)) << block;
  }
}

// Code points of any planes beside each other, half of them ASCII.
void expect_random_texts(const Tokenizer& tokenizer, Limit limit) {
  std::mt19937 engine(17);
  const auto below = [&](uint32_t end) {
    return std::uniform_int_distribution<uint32_t>(0, end - 1)(engine);
  };
  constexpr std::array<uint32_t, 6> kEnds = {0x80, 0x80, 0x80, 0x800, 0x10000, kCodePointsEnd};
  for (int n = 0; n < 1000; ++n) {
    std::string text;
    for (uint32_t length = below(40); length > 0; --length) {
      const uint32_t c = below(kEnds[below(6)]);
      append_utf8(is_surrogate(c) ? 0x20 : c, text);
    }
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(tokenizer, text, limit)) << n;
  }
}

struct RoundTripCase {
  const char* name;
  Tokenizer (*tokenizer)();
  Limit limit;
};

class RoundTrip : public testing::TestWithParam<RoundTripCase> {};

TEST_P(RoundTrip, OfAnyText) {
  if (!test::have_shared()) GTEST_SKIP() << "the shared fixtures are not here";
  const Tokenizer tokenizer = GetParam().tokenizer();
  expect_every_code_point(tokenizer, GetParam().limit);
  expect_random_texts(tokenizer, GetParam().limit);
}

constexpr RoundTripCase kRoundTrips[] = {
    {"deepseek_coder", [] { return test::gguf_tokenizer("deepseek-coder"); }, Limit::none},
    {"deepseek_llm", [] { return test::gguf_tokenizer("deepseek-llm"); }, Limit::none},
    {"deepseek_v3", [] { return test::must_build(test::deepseek_v3_data()); }, Limit::none},
    {"gpt_2", [] { return test::gguf_tokenizer("gpt-2"); }, Limit::none},
    {"llama_spm", [] { return test::gguf_tokenizer("llama-spm"); }, Limit::space},
    {"phi_3", [] { return test::gguf_tokenizer("phi-3"); }, Limit::space},
    {"qwen2", [] { return test::qwen2_tokenizer(); }, Limit::nfc},
};

INSTANTIATE_TEST_SUITE_P(All, RoundTrip, testing::ValuesIn(kRoundTrips),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace hearth
