// The kernels of every instruction set against the scalar ones, bit for bit, on bytes that reach
// the ends of every field, and the scalar ones against double arithmetic.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/cpu/pack/packed_matrix.h"
#include "hearth/formats/codec.h"

namespace hearth::cpu {
namespace {

// Random blocks of a format whose numbers are finite: any quants, any scales.
Tensor random_blocks(Format format, int64_t rows, int64_t columns, Buffer& memory) {
  const FormatInfo& info = format_info(format);
  memory = Buffer(Tensor::packed_row_bytes(format, columns) * rows);
  const Tensor out = Tensor::packed(format, {rows, columns}, memory.data());
  std::mt19937 random(7);
  std::vector<float> values(static_cast<size_t>(info.block_elements));
  for (std::byte* at = out.data; at < out.data + out.bytes(); at += info.block_bytes) {
    do {
      for (int64_t i = 0; i < info.block_bytes; ++i) at[i] = static_cast<std::byte>(random());
      decode_row(Tensor::packed(format, {1, info.block_elements}, at), 0, 0, info.block_elements,
                 values.data());
    } while (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }));
  }
  return out;
}

// Activations whose every element is at an end of its range.
struct Rows {
  std::vector<std::byte> memory;
  QuantizedRows q;

  Rows(const KernelTable& kernels, int64_t rows, int64_t columns)
      : memory(static_cast<size_t>(quantized_bytes(rows, columns))),
        q(quantized_planes(rows, columns, memory.data())) {
    std::mt19937 random(3);
    std::vector<float> x(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows; ++r) {
      for (float& v : x) v = random() % 2 == 0 ? 1.5f : -1.5f;
      kernels.quantize_row(x.data(), q, r);
    }
  }
};

TEST(Kernels, PackedProductsHaveTheScalarBits) {
  constexpr int64_t kColumns = 512, kRows = 32;
  for (const FormatInfo& info : kFormats) {
    const auto format = packed_format(info.format);
    if (!format) continue;
    SCOPED_TRACE(info.name);
    Buffer memory;
    const Tensor weights = random_blocks(info.format, kRows, kColumns, memory);
    const int64_t stride = packed_group_bytes(info.format, kColumns);
    std::vector<uint8_t> packed(static_cast<size_t>(2 * stride));
    for (int64_t g = 0; g < 2; ++g) pack_group(weights, g, packed.data() + g * stride);
    for (const int64_t tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 64}) {
      std::vector<float> expected;
      const auto tables = available_tables();
      for (auto table = tables.rbegin(); table != tables.rend(); ++table) {  // scalar first
        const Rows x(**table, tokens, kColumns);
        std::vector<float> found(static_cast<size_t>(2 * tokens * kGroupRows));
        (*table)->multiply_packed[static_cast<size_t>(*format)](packed.data(), 2, stride, x.q,
                                                                found.data());
        if (expected.empty()) expected = found;
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * 4), 0)
            << (*table)->name << ", " << tokens << " tokens";
      }
    }
  }
}

// Every code of F8_E4M3 as a weight of its own, met by a 1; a NaN takes its row and no other.
TEST(Kernels, F8CodesHaveTheirValuesAndNanTakesItsRow) {
  constexpr int64_t kColumns = 256, kNanRow = 5;
  std::vector<std::byte> bytes(static_cast<size_t>(kPanelRows * kColumns));
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t code = (i % kColumns & 127) == 127 ? 0 : i % kColumns;
    bytes[i] = static_cast<std::byte>(code);
  }
  bytes[kNanRow * kColumns + 9] = std::byte{0x7f};
  const float scales[] = {0.5f, 3};
  Tensor weights = Tensor::packed(Format::f8_e4m3, {kPanelRows, kColumns}, bytes.data());
  weights.scales = scales;
  weights.scale_columns = 2;
  std::vector<uint8_t> panel(static_cast<size_t>(f8_panel_bytes(kColumns)));
  pack_f8_panel(weights, 0, panel.data());
  const auto* factors = reinterpret_cast<const float*>(panel.data() + kPanelRows * kColumns);
  std::vector<float> expected(kColumns);
  decode_row(weights, 0, 0, kColumns, expected.data());
  std::vector<float> ones(kColumns * kColumns);
  for (size_t i = 0; i < kColumns; ++i) ones[i * kColumns + i] = 1;
  for (const KernelTable* table : available_tables()) {
    for (const int64_t rows : {1, 2, 16, 64}) {
      std::vector<float> found(static_cast<size_t>(kPanelRows * rows));
      for (int64_t first = 0; first < kColumns; first += rows) {
        table->f8_gemm({ones.data() + first * kColumns, kColumns, rows, kColumns, panel.data(),
                        factors + kPanelRows, factors, 2, found.data()});
        for (int64_t i = 0; i < kPanelRows * rows; ++i) {
          const int64_t lane = i / (16 * rows) * 16 + i % 16, token = first + i / 16 % rows;
          const float value = found[static_cast<size_t>(i)];
          if (lane == kNanRow) {
            ASSERT_TRUE(std::isnan(value)) << table->name;
          } else {
            ASSERT_EQ(value, expected[static_cast<size_t>(token)]) << table->name << " " << token;
          }
        }
      }
    }
  }
}

TEST(Kernels, NanAndInfinityOfActivationsStayVisible) {
  for (const KernelTable* table : available_tables()) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<std::byte> memory(static_cast<size_t>(quantized_bytes(1, 64)));
      const QuantizedRows q = quantized_planes(1, 64, memory.data());
      std::vector<float> x(64, 1.0f);
      x[40] = bad;
      table->quantize_row(x.data(), q, 0);
      EXPECT_TRUE(std::isnan(q.scale[1])) << table->name;
      EXPECT_EQ(q.scale[0], 1.0f / 127) << table->name;
    }
  }
}

// 127 / x has no float for the smallest x: such a block is zero on every instruction set.
TEST(Kernels, BlocksOfTheSmallestNumbersAreZero) {
  for (const KernelTable* table : available_tables()) {
    std::vector<std::byte> memory(static_cast<size_t>(quantized_bytes(1, 32)));
    const QuantizedRows q = quantized_planes(1, 32, memory.data());
    std::vector<float> x(32, 0.0f);
    x[5] = 1e-40f;
    table->quantize_row(x.data(), q, 0);
    for (int i = 0; i < 32; ++i) EXPECT_EQ(q.q[i], 0) << table->name << ", column " << i;
    EXPECT_TRUE(std::isfinite(q.scale[0])) << table->name;
  }
}

// silu(x) * up against double: within a few units in the last place, and NaN stays.
TEST(Kernels, SwigluIsExactToAFewUnits) {
  for (const KernelTable* table : available_tables()) {
    std::vector<float> gate, up;
    for (double x = -90; x < 90; x += 0.0123) {
      gate.push_back(static_cast<float>(x));
      up.push_back(1);
    }
    while (gate.size() % 16 != 0) {
      gate.push_back(NAN);
      up.push_back(1);
    }
    const std::vector<float> before = gate;
    table->swiglu(gate.data(), up.data(), static_cast<int64_t>(gate.size()));
    for (size_t i = 0; i < gate.size(); ++i) {
      if (std::isnan(before[i])) {
        ASSERT_TRUE(std::isnan(gate[i]));
        continue;
      }
      const double x = before[i];
      const double exact = x / (1 + std::exp(-x));
      ASSERT_NEAR(gate[i], exact, std::abs(exact) * 8 * 0x1p-24 + 1e-35) << table->name << " " << x;
    }
  }
}

// What a stale slot of the cache holds must not reach a query that does not see it.
TEST(Kernels, HiddenPositionsWeighNothing) {
  for (const KernelTable* table : available_tables()) {
    std::vector<float> scores(64, NAN);
    for (int i = 0; i < 5; ++i) scores[static_cast<size_t>(i)] = static_cast<float>(i);
    SoftmaxState state{-std::numeric_limits<float>::infinity(), 0};
    table->softmax_row(scores.data(), 5, 1, &state);
    double sum = 0;
    for (int i = 0; i < 5; ++i) sum += std::exp(i - 4.0);
    EXPECT_NEAR(state.sum, sum, 1e-6) << table->name;
    for (size_t i = 5; i < 64; ++i) ASSERT_EQ(scores[i], 0) << table->name;
  }
}

}  // namespace
}  // namespace hearth::cpu
