// Slices keep their rows and their scales; blocks decide the row length.
#include "hearth/tensor/tensor.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Tensor, PackedRowBytesFollowTheBlock) {
  EXPECT_EQ(Tensor::packed_row_bytes(Format::f32, 7), 28);
  EXPECT_EQ(Tensor::packed_row_bytes(Format::q8_0, 64), 68);
  EXPECT_EQ(Tensor::packed_row_bytes(Format::q6_k, 512), 420);
}

TEST(Tensor, OuterIsOneExpert) {
  Buffer buffer(2 * 3 * 4 * 4);
  const Tensor t = Tensor::packed(Format::f32, {2, 3, 4}, buffer.data());
  const Tensor expert = t.outer(1);
  EXPECT_EQ(expert.shape, (Shape{3, 4}));
  EXPECT_EQ(expert.data, buffer.data() + 3 * 4 * 4);
}

TEST(Tensor, SliceMovesScales) {
  float scales[6] = {};
  Tensor t = Tensor::packed(Format::f8_e4m3, {256, 300}, nullptr);
  t.scales = scales;
  t.scale_columns = 3;
  EXPECT_EQ(t.row_slice(128, 10).scales, scales + 3);
}

TEST(Format, NamesRoundTrip) {
  for (const FormatInfo& info : kFormats) EXPECT_EQ(*format_by_name(info.name), info.format);
  EXPECT_FALSE(format_by_name("q9_9").has_value());
}

}  // namespace
}  // namespace hearth
