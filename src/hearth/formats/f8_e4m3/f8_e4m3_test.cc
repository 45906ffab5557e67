// All 256 codes and the rounding between them against PyTorch's, and block-scaled tiles.
#include "hearth/formats/f8_e4m3/f8_e4m3.h"

#include <gtest/gtest.h>

#include "hearth/formats/f8_e4m3/f8_tiles.h"
#include "hearth/formats/testing.h"

namespace hearth {
namespace {

using namespace testing_formats;

TEST(F8E4M3, DecodesEveryPattern) {
  expect_golden_decode<F8E4M3>("f8_e4m3.decode.bin");
  EXPECT_EQ(Golden<F8E4M3>("f8_e4m3.decode.bin").blocks.size(), 256u);
}

TEST(F8E4M3, RoundsToNearestEven) {
  expect_golden_encode<F8E4M3>("f8_e4m3.encode.bin");
}

TEST(F8E4M3, EncodesEveryValueToItself) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    ASSERT_EQ(F8E4M3::encode(F8E4M3::decode(static_cast<uint8_t>(bits))), bits);
  }
}

TEST(F8E4M3, OverflowIsNan) {
  EXPECT_EQ(F8E4M3::encode(464), 0x7E);
  EXPECT_EQ(F8E4M3::encode(std::nextafter(464.0f, 500.0f)), 0x7F);
  EXPECT_EQ(F8E4M3::encode(-INFINITY), 0xFF);
  EXPECT_EQ(F8E4M3::encode(NAN), 0x7F);
}

// Tiles cut by the lower and the right edge are scaled by their own elements only.
TEST(F8Tiles, RaggedEdges) {
  for (const auto& [rows, columns] :
       {std::pair<int64_t, int64_t>{1, 1}, {3, 129}, {127, 128}, {129, 257}, {256, 200}}) {
    std::vector<float> in = normal_values(static_cast<size_t>(rows * columns), 3);
    in.back() = 1000;  // the last tile's magnitude must stay its own
    const Fp8Tiles tiles = Fp8Tiles::of(rows, columns);
    std::vector<float> scales(static_cast<size_t>(tiles.count()));
    Buffer bytes(rows * columns);
    encode_f8_tiles(in.data(), rows, columns, bytes.data(), scales.data());
    Tensor t = Tensor::packed(Format::f8_e4m3, {rows, columns}, bytes.data());
    t.scales = scales.data();
    t.scale_columns = tiles.columns;
    std::vector<float> out(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows; ++r) {
      decode_row(t, r, 0, columns, out.data());
      for (int64_t c = 0; c < columns; ++c) {
        const float x = in[static_cast<size_t>(r * columns + c)];
        const float scale = scales[static_cast<size_t>(r / 128 * tiles.columns + c / 128)];
        // Half a step: 2^-4 of a normal value, 2^-10 scales of a subnormal one.
        const float bound = std::max(std::abs(x) / 16, scale / 1024) * 1.0001f;
        ASSERT_LE(std::abs(out[static_cast<size_t>(c)] - x), bound) << r << ", " << c;
      }
    }
  }
}

TEST(F8Tiles, ZerosAndTheSmallest) {
  const std::vector<float> in = {0, -0.0f, 1e-45f, 1e-44f};
  std::vector<std::byte> out(4);
  float scale = 0;
  encode_f8_tiles(in.data(), 1, 2, out.data(), &scale);
  EXPECT_EQ(scale, 1);
  EXPECT_EQ(out[0], std::byte{0});
  encode_f8_tiles(in.data(), 1, 4, out.data(), &scale);
  EXPECT_GT(scale, 0);
  for (const std::byte b : out) EXPECT_FALSE(std::isnan(F8E4M3::decode(static_cast<uint8_t>(b))));
}

}  // namespace
}  // namespace hearth
