// Values equal the gguf package's bit for bit; the encoder beats the plain one on every block.
#include "hearth/formats/q4_k/q4_k.h"

#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

// Min and max of each group, rounded; no search.
Q4_K::Block plain_encode(const float* in) {
  float scale[Q4_K::kGroups], min[Q4_K::kGroups], top_scale = 0, top_min = 0;
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    const auto [low, high] = std::minmax_element(in + g * 32, in + g * 32 + 32);
    min[g] = std::max(-*low, 0.0f);
    scale[g] = (std::max(*high, 0.0f) + min[g]) / 15;
    top_scale = std::max(top_scale, scale[g]);
    top_min = std::max(top_min, min[g]);
  }
  Q4_K::Block block{};
  block.d = F16::encode(top_scale / 63);
  block.dmin = F16::encode(top_min / 63);
  const float d = F16::decode(block.d), dmin = F16::decode(block.dmin);
  Q4_K::Groups groups{};
  for (int g = 0; g < Q4_K::kGroups; ++g) {
    groups.scale[g] = static_cast<uint8_t>(std::min(std::round(scale[g] / d), 63.0f));
    groups.min[g] = static_cast<uint8_t>(std::min(std::round(min[g] / dmin), 63.0f));
    for (int i = 0; i < 32; ++i) {
      const float x = in[g * 32 + i] + dmin * groups.min[g];
      const float level = std::clamp(std::round(x / (d * groups.scale[g])), 0.0f, 15.0f);
      uint8_t& byte = block.q[g / 2 * 32 + i];
      byte = static_cast<uint8_t>(byte | static_cast<int>(level) << (g % 2 * 4));
    }
  }
  Q4_K::pack_groups(groups, block.scales);
  return block;
}

TEST(Q4_K, DecodesAsGolden) {
  expect_golden_decode<Q4_K>("q4_k.decode.bin");
}
TEST(Q4_K, IntegersMultiplyOut) {
  expect_integers_multiply_out<Q4_K>();
}
TEST(Q4_K, NanStaysVisible) {
  expect_nan_stays_visible<Q4_K>();
}
// Half a step of a range of two, the coarse scale and min of the group, and some room: the search
// minimises squares and may give up an extreme element for the others.
TEST(Q4_K, ErrorIsBounded) {
  expect_bounded_error<Q4_K>(1.0f / 15 + 1.0f / 63 + 0.02f, 15 * 63);
}

TEST(Q4_K, GroupsRoundTrip) {
  std::mt19937 random(7);
  for (int round = 0; round < 1000; ++round) {
    uint8_t scales[12], packed[12];
    for (uint8_t& byte : scales) byte = static_cast<uint8_t>(random());
    Q4_K::pack_groups(Q4_K::unpack_groups(scales), packed);
    ASSERT_EQ(std::memcmp(scales, packed, sizeof scales), 0);
  }
}

TEST(Q4_K, Searches) {
  expect_searches<Q4_K>(0.0715);
}
TEST(Q4_K, SurvivesBadImportance) {
  expect_survives_bad_importance<Q4_K>();
}

TEST(Q4_K, BeatsThePlainEncoder) {
  const std::vector<float> in = normal_values(64 * 256, 11, 0.02f);
  for (size_t b = 0; b < in.size(); b += 256) {
    const std::vector<float> x(in.begin() + static_cast<int64_t>(b),
                               in.begin() + static_cast<int64_t>(b) + 256);
    std::vector<float> plain(256);
    Q4_K::decode_block(plain_encode(x.data()), plain.data());
    ASSERT_LT(relative_error(x, round_trip<Q4_K>(x)), relative_error(x, plain));
  }
}

}  // namespace
}  // namespace hearth
