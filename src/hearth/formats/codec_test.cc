// Every format through the one dispatch: ranges, odd addresses, FP8 scales, refused values.
#include "hearth/formats/codec.h"

#include "hearth/formats/testing.h"
#include "hearth/formats/with_format.h"

namespace hearth {
namespace {

using namespace testing_formats;

bool is_coarse(const FormatInfo& info) {  // below 4.5 bits
  return 2 * 8 * info.block_bytes < 9 * info.block_elements;
}

TEST(WithFormat, FindsTheCodecOfEveryRow) {
  for (const FormatInfo& info : kFormats) {
    with_format(info.format, [&]<typename Codec>() {
      EXPECT_EQ(Codec::kFormat, info.format);
      EXPECT_EQ(Codec::kElements, info.block_elements);
      EXPECT_EQ(Codec::kGroup, info.group);
      EXPECT_EQ(Codec::kHasMin, info.has_min);
      EXPECT_EQ(static_cast<int64_t>(sizeof(typename Codec::Block)), info.block_bytes);
    });
  }
}

// Any range of columns equals that part of the whole row, also when the row lies at an odd address.
TEST(DecodeRow, RangesEqualTheWhole) {
  constexpr int64_t kColumns = 768;
  const std::vector<float> in = normal_values(2 * kColumns, 5);
  for (const FormatInfo& info : kFormats) {
    const int64_t row_bytes = Tensor::packed_row_bytes(info.format, kColumns);
    Buffer buffer(2 * row_bytes + 1);
    const Tensor t = Tensor::packed(info.format, {2, kColumns}, buffer.data() + 1);
    encode_rows(in.data(), kColumns, t);
    std::vector<float> whole(kColumns), part(kColumns);
    decode_row(t, 1, 0, kColumns, whole.data());
    for (const auto& [begin, count] : {std::pair{0, 0},
                                       {1, 1},
                                       {31, 2},
                                       {5, 700},
                                       {255, 257},
                                       {256, 256},
                                       {512, 256},
                                       {767, 1}}) {
      std::fill(part.begin(), part.end(), -1.0f);
      decode_row(t, 1, begin, count, part.data());
      ASSERT_TRUE(std::equal(part.begin(), part.begin() + count, whole.begin() + begin))
          << info.name << " " << begin << "+" << count;
      if (count < kColumns) {
        ASSERT_EQ(part[static_cast<size_t>(count)], -1.0f);
      }
    }
  }
}

TEST(DecodeRow, MultipliesTheScaleOfTheTile) {
  constexpr int64_t kRows = 130, kColumns = 259;
  std::vector<float> scales = {1, 2, 3, 4, 5, 6};
  Buffer buffer(kRows * kColumns);
  Tensor t = Tensor::packed(Format::f8_e4m3, {kRows, kColumns}, buffer.data());
  const std::vector<float> ones(kRows * kColumns, 1.0f);
  encode_rows(ones.data(), kColumns, t);
  t.scales = scales.data();
  t.scale_columns = 3;
  std::vector<float> out(kColumns);
  decode_row(t, 127, 100, 159, out.data());
  EXPECT_EQ(out[27], 1);
  EXPECT_EQ(out[28], 2);
  EXPECT_EQ(out[156], 3);
  decode_row(t, 128, 0, kColumns, out.data());
  EXPECT_EQ(out[0], 4);
  EXPECT_EQ(out[258], 6);
}

TEST(DecodeRowIntegers, MultipliesOutToTheRow) {
  constexpr int64_t kColumns = 768;
  std::mt19937 random(4);
  for (const FormatInfo& info : kFormats) {
    if (info.group == 0) continue;
    const int64_t row_bytes = Tensor::packed_row_bytes(info.format, kColumns);
    Buffer buffer(2 * row_bytes + 1);
    for (int64_t i = 0; i < 2 * row_bytes + 1; ++i) buffer.data()[i] = std::byte(random() % 60);
    const Tensor t = Tensor::packed(info.format, {2, kColumns}, buffer.data() + 1);
    std::vector<float> row(kColumns);
    std::vector<int8_t> q(kColumns);
    const auto groups = static_cast<size_t>(kColumns / info.group);
    std::vector<float> scale(groups), min(groups);
    decode_row(t, 1, 0, kColumns, row.data());
    decode_row_integers(t, 1, q.data(), scale.data(), info.has_min ? min.data() : nullptr);
    for (size_t i = 0; i < kColumns; ++i) {
      const size_t g = i / static_cast<size_t>(info.group);
      const float value = scale[g] * static_cast<float>(q[i]) - min[g];
      ASSERT_LE(std::abs(value - row[i]), std::ldexp(std::abs(value) + std::abs(min[g]), -22))
          << info.name << " column " << i;
    }
  }
}

TEST(Convert, QuantisesEveryPairOfFormats) {
  const std::vector<float> in = normal_values(3 * 256, 9);
  for (const FormatInfo& from : kFormats) {
    Buffer a(3 * Tensor::packed_row_bytes(from.format, 256));
    const Tensor source = Tensor::packed(from.format, {3, 256}, a.data());
    encode_rows(in.data(), 256, source);
    for (const FormatInfo& to : kFormats) {
      Buffer b(3 * Tensor::packed_row_bytes(to.format, 256));
      const Tensor target = Tensor::packed(to.format, {3, 256}, b.data());
      ASSERT_TRUE(convert(source, target).is_ok());
      std::vector<float> expected(256), found(256);
      decode_row(source, 2, 0, 256, expected.data());
      decode_row(target, 2, 0, 256, found.data());
      ASSERT_LT(relative_error(expected, found), is_coarse(to) ? 0.6 : 0.15)
          << from.name << " -> " << to.name;
    }
  }
}

TEST(Convert, RefusesWhatTheFormatCannotHold) {
  for (const FormatInfo& to : kFormats) {
    const float max = with_format(to.format, []<typename Codec>() { return Codec::kMax; });
    Buffer b(2 * Tensor::packed_row_bytes(to.format, 256));
    const Tensor target = Tensor::packed(to.format, {2, 256}, b.data());
    for (const float bad : {NAN, -INFINITY, std::nextafter(max, INFINITY)}) {
      std::vector<float> in(512, 0.0f);
      in[256 + 17] = bad;
      const Tensor source =
          Tensor::packed(Format::f32, {2, 256}, reinterpret_cast<std::byte*>(in.data()));
      const Status status = convert(source, target);
      ASSERT_EQ(status.code(), Code::invalid) << to.name << " " << bad;
      EXPECT_NE(status.message().find("row 1, column 17"), std::string::npos) << status.message();
      in[256 + 17] = max;
      ASSERT_TRUE(convert(source, target).is_ok());
      std::vector<float> out(256);
      decode_row(target, 1, 0, 256, out.data());
      ASSERT_TRUE(std::isfinite(out[17])) << to.name;
      if (!is_coarse(to)) {
        ASSERT_NEAR(out[17] / max, 1, 0.05) << to.name;
      }
    }
  }
}

}  // namespace
}  // namespace hearth
