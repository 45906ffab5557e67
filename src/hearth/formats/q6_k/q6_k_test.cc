// Values equal the gguf package's bit for bit; the encoder beats the plain one on every block.
#include "hearth/formats/q6_k/q6_k.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

// The largest magnitude of each group, rounded; no search.
Q6_K::Block plain_encode(const float* in) {
  float scale[Q6_K::kGroups], top = 0;
  for (int g = 0; g < Q6_K::kGroups; ++g) {
    scale[g] = 0;
    for (int i = 0; i < 16; ++i) scale[g] = std::max(scale[g], std::abs(in[g * 16 + i]) / 31);
    top = std::max(top, scale[g]);
  }
  Q6_K::Block block{};
  block.d = F16::encode(top / 127);
  const float d = F16::decode(block.d);
  int8_t q[Q6_K::kElements];
  for (int g = 0; g < Q6_K::kGroups; ++g) {
    block.scale[g] = static_cast<int8_t>(std::min(std::round(scale[g] / d), 127.0f));
    for (int i = 0; i < 16; ++i) {
      const float level = std::round(in[g * 16 + i] / (d * block.scale[g]));
      q[g * 16 + i] = static_cast<int8_t>(std::clamp(level, -32.0f, 31.0f));
    }
  }
  Q6_K::pack(q, block);
  return block;
}

TEST(Q6_K, DecodesAsGolden) {
  expect_golden_decode<Q6_K>("q6_k.decode.bin");
}
TEST(Q6_K, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q6_K>();
}
TEST(Q6_K, NanStaysVisible) {
  expect_nan_stays_visible<Q6_K>();
}
// One step at the end that is cut at +31, and the coarse scale of the group.
TEST(Q6_K, ErrorIsBounded) {
  expect_bounded_error<Q6_K>(1.0f / 32 + 1.0f / 128, 32 * 128);
}

TEST(Q6_K, NumbersRoundTrip) {
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    int8_t q[Q6_K::kElements], unpacked[Q6_K::kElements];
    for (int8_t& v : q) v = static_cast<int8_t>(static_cast<int>(random() % 64) - 32);
    Q6_K::Block block;
    Q6_K::pack(q, block);
    Q6_K::unpack(block, unpacked);
    ASSERT_EQ(std::memcmp(q, unpacked, sizeof q), 0);
  }
}

TEST(Q6_K, Searches) {
  expect_searches<Q6_K>(0.0178);
}
TEST(Q6_K, SurvivesBadImportance) {
  expect_survives_bad_importance<Q6_K>();
}

TEST(Q6_K, BeatsThePlainEncoder) {
  const std::vector<float> in = normal_values(64 * 256, 11, 0.02f);
  for (size_t b = 0; b < in.size(); b += 256) {
    const std::vector<float> x(in.begin() + static_cast<int64_t>(b),
                               in.begin() + static_cast<int64_t>(b) + 256);
    std::vector<float> plain(256);
    Q6_K::decode_block(plain_encode(x.data()), plain.data());
    ASSERT_LT(relative_error(x, round_trip<Q6_K>(x)), relative_error(x, plain));
  }
}

}  // namespace
}  // namespace hearth
