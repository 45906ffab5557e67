// Helpers of the format tests: golden files, bit patterns, random rows, errors.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"

namespace hearth::testing_formats {

// Equal bits; any NaN equals any NaN, whose payload no format promises.
inline bool same(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

// A file of tools/golden/formats.py: n blocks and n * kElements floats (which come first, see
// there).
template <typename Codec>
struct Golden {
  std::vector<typename Codec::Block> blocks;
  std::vector<float> values;

  explicit Golden(const std::string& name) {
    const auto file = MappedFile::open(HEARTH_SOURCE_DIR "/src/hearth/formats/testdata/" + name);
    CHECK(file.has_value());
    constexpr size_t kBlock = sizeof(typename Codec::Block);
    const size_t n = file->bytes().size() / (kBlock + Codec::kElements * sizeof(float));
    CHECK_GT(n, 0u);
    blocks.resize(n);
    values.resize(n * Codec::kElements);
    const bool blocks_first = name.find(".decode.") != std::string::npos;
    const std::byte* from = file->bytes().data();
    const size_t block_bytes = n * kBlock;
    const size_t value_bytes = values.size() * sizeof(float);
    std::memcpy(blocks.data(), from + (blocks_first ? 0 : value_bytes), block_bytes);
    std::memcpy(values.data(), from + (blocks_first ? block_bytes : 0), value_bytes);
  }
};

template <typename Codec>
void expect_golden_decode(const std::string& name) {
  const Golden<Codec> golden(name);
  float out[Codec::kElements];
  for (size_t b = 0; b < golden.blocks.size(); ++b) {
    Codec::decode_block(golden.blocks[b], out);
    for (size_t i = 0; i < Codec::kElements; ++i) {
      const float expected = golden.values[b * Codec::kElements + i];
      ASSERT_TRUE(same(out[i], expected))
          << "block " << b << " element " << i << ": expected " << expected << ", found " << out[i];
    }
  }
}

// Floats have no importance.
template <typename Codec>
void encode(const float* in, const float* importance, typename Codec::Block& block) {
  if constexpr (Codec::kGroup > 0) {
    Codec::encode_block(in, importance, block);
  } else {
    Codec::encode_block(in, block);
  }
}

template <typename Codec>
void expect_golden_encode(const std::string& name) {
  const Golden<Codec> golden(name);
  for (size_t b = 0; b < golden.blocks.size(); ++b) {
    typename Codec::Block block;
    encode<Codec>(golden.values.data() + b * Codec::kElements, nullptr, block);
    ASSERT_EQ(std::memcmp(&block, &golden.blocks[b], sizeof block), 0) << "block " << b;
  }
}

// The integers of random blocks stay in their range and multiply out to the decoded values, to a
// rounding error of the two terms; a NaN stays one.
template <typename Codec>
void expect_integers_multiply_out() {
  constexpr int kGroups = Codec::kElements / Codec::kGroup;
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    typename Codec::Block block;
    auto* bytes = reinterpret_cast<uint8_t*>(&block);
    for (size_t i = 0; i < sizeof block; ++i) {
      bytes[i] = static_cast<uint8_t>(random());
      if (bytes[i] == 0x80) bytes[i] = 0x81;  // as a q of Q8_0 it is cut to -127
    }
    float values[Codec::kElements], scale[kGroups], min[kGroups] = {};
    int8_t q[Codec::kElements];
    Codec::decode_block(block, values);
    Codec::decode_integers(block, q, scale, min);
    for (int i = 0; i < Codec::kElements; ++i) {
      ASSERT_GE(q[i], Codec::kHasMin ? 0 : -127);
      const float product = scale[i / Codec::kGroup] * static_cast<float>(q[i]);
      const float offset = min[i / Codec::kGroup];
      const float rounding = std::ldexp(std::abs(product) + std::abs(offset), -22);
      ASSERT_TRUE(same(product - offset, values[i]) ||
                  std::abs(product - offset - values[i]) <= rounding)
          << "element " << i << ": expected " << values[i] << ", found " << product - offset;
    }
  }
}

inline std::vector<float> normal_values(size_t count, uint32_t seed, float sigma = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

// Encodes and decodes `in` (whole blocks).
template <typename Codec>
std::vector<float> round_trip(const std::vector<float>& in,
                              const std::vector<float>& importance = {}) {
  CHECK_EQ(in.size() % Codec::kElements, 0u);
  std::vector<float> out(in.size());
  for (size_t i = 0; i < in.size(); i += Codec::kElements) {
    typename Codec::Block block;
    encode<Codec>(in.data() + i, importance.empty() ? nullptr : importance.data() + i, block);
    Codec::decode_block(block, out.data() + i);
  }
  return out;
}

// sqrt(sum w (a - b)^2 / sum w a^2), w = 1 where there is none
inline double relative_error(const std::vector<float>& a, const std::vector<float>& b,
                             const std::vector<float>& w = {}) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double weight = w.empty() ? 1 : w[i];
    error += weight * (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += weight * a[i] * a[i];
  }
  return std::sqrt(error / norm);
}

// The relative error of normal values stays below `limit` (what llama.cpp's encoder reaches on
// them), and importance lowers the error that it weighs.
template <typename Codec>
void expect_searches(double limit) {
  const std::vector<float> in = normal_values(64 * 256, 11, 0.02f);
  const std::vector<float> plain = round_trip<Codec>(in);
  EXPECT_LT(relative_error(in, plain), limit);
  std::vector<float> importance = normal_values(in.size(), 12);
  for (float& v : importance) v = std::exp(1.2f * v);
  const std::vector<float> weighted = round_trip<Codec>(in, importance);
  EXPECT_LT(relative_error(in, weighted, importance), 0.99 * relative_error(in, plain, importance));
}

// Importance that says nothing (zeros, NaN, infinity, negative numbers) is as good as none.
template <typename Codec>
void expect_survives_bad_importance() {
  const std::vector<float> in = normal_values(Codec::kElements, 13);
  const std::vector<float> plain = round_trip<Codec>(in);
  for (const float bad : {0.0f, NAN, INFINITY, -1.0f}) {
    const std::vector<float> importance(in.size(), bad);
    EXPECT_EQ(relative_error(in, round_trip<Codec>(in, importance)), relative_error(in, plain));
  }
}

// On every block of the file the squared error is at most that of the reference's plain encoder,
// and what a scale among F16's subnormals may lose by its rounding.
template <typename Codec>
void expect_beats_golden_encode(const std::string& name) {
  const Golden<Codec> golden(name);
  for (size_t b = 0; b < golden.blocks.size(); ++b) {
    const float* from = golden.values.data() + b * Codec::kElements;
    const std::vector<float> in(from, from + Codec::kElements);
    std::vector<float> reference(in.size());
    Codec::decode_block(golden.blocks[b], reference.data());
    double ours = 0, theirs = 0;
    const std::vector<float> out = round_trip<Codec>(in);
    for (size_t i = 0; i < in.size(); ++i) {
      ours += (double{out[i]} - in[i]) * (double{out[i]} - in[i]);
      theirs += (double{reference[i]} - in[i]) * (double{reference[i]} - in[i]);
    }
    ASSERT_LE(ours, theirs * 1.0001 + std::ldexp(1.0, -36)) << "block " << b;
  }
}

// NaN anywhere in a block, or infinity, makes the decoded block NaN.
template <typename Codec>
void expect_nan_stays_visible() {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> in = normal_values(Codec::kElements, 1);
    in[Codec::kElements / 2 + 1] = bad;
    for (const float v : round_trip<Codec>(in)) ASSERT_TRUE(std::isnan(v));
  }
}

// Zeros, constants, and magnitudes from the smallest subnormal to kMax stay finite and within
// `bound` times the block's largest magnitude, plus what an F16 scale can't resolve: half of its
// smallest step, times the largest multiplier of that scale.
template <typename Codec>
void expect_bounded_error(float bound, float multiplier) {
  const float slack = std::ldexp(multiplier, -25);
  for (int exponent = -149; exponent <= 127; ++exponent) {
    const float amax = std::min(std::ldexp(1.0f, exponent), Codec::kMax);
    std::vector<float> in = normal_values(Codec::kElements, static_cast<uint32_t>(exponent + 200));
    for (float& v : in) v = std::clamp(v / 3, -1.0f, 1.0f) * amax;
    in[7] = amax;
    const std::vector<float> out = round_trip<Codec>(in);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_LE(std::abs(in[i] - out[i]), bound * amax + slack) << "2^" << exponent << " at " << i;
    }
  }
  for (const float v : round_trip<Codec>(std::vector<float>(Codec::kElements))) ASSERT_EQ(v, 0);
}

}  // namespace hearth::testing_formats
