// Helpers of the backend tests: random weights of any format, activations, and error bounds that
// follow from the arithmetic instead of being guessed.
//
// Bounds: a float dot product of K terms, in any order and with fused multiply-add or without, lies
// within (K + 1) u sum |w||x| of the exact one, u = 2^-24 (Higham, Accuracy and Stability, 3.1).
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "hearth/backend/backend.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/formats/codec.h"
#include "hearth/formats/f8_e4m3/f8_tiles.h"

namespace hearth::testing_backend {

inline constexpr double kUnit = 0x1p-24;  // unit roundoff of float
// Roundings around a dot product: its own store, the bias, the store of the other backend.
inline constexpr double kExtra = 4;

inline std::vector<float> normal(int64_t count, uint32_t seed, double sigma = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(0, static_cast<float>(sigma));
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = distribution(random);
  return values;
}

// A tight f32 [rows, columns] tensor and its memory.
struct Matrix {
  Matrix(int64_t rows, int64_t columns) : buffer(rows * columns * 4) {
    tensor = Tensor::packed(Format::f32, {rows, columns}, buffer.data());
  }
  Matrix(int64_t rows, int64_t columns, uint32_t seed) : Matrix(rows, columns) {
    const std::vector<float> values = normal(rows * columns, seed);
    std::copy(values.begin(), values.end(), tensor.f32().begin());
  }
  // The rows `begin`.. of `from`, copied.
  Matrix(const Matrix& from, int64_t begin, int64_t rows) : Matrix(rows, from.tensor.columns()) {
    std::copy_n(from.tensor.f32_row(begin), rows * tensor.columns(), tensor.f32_row(0));
  }
  std::vector<float> row(int64_t r) const {
    return {tensor.f32_row(r), tensor.f32_row(r) + tensor.columns()};
  }

  Buffer buffer;
  Tensor tensor;
};

// A random weight [rows, columns] whose products with normal rows are about 1; FP8 with scales.
inline Weight encode_weight(Format format, const Shape& shape, uint32_t seed) {
  const int64_t columns = shape.columns();
  const std::vector<float> values =
      normal(shape.elements(), seed, 1 / std::sqrt(static_cast<double>(columns)));
  struct Memory {
    Buffer bytes;
    std::vector<float> scales;
  };
  auto memory = std::make_shared<Memory>();
  memory->bytes = Buffer(Tensor::packed_row_bytes(format, columns) * shape.rows());
  Weight weight;
  weight.tensor = Tensor::packed(format, shape, memory->bytes.data());
  if (format == Format::f8_e4m3) {
    const Fp8Tiles tiles = Fp8Tiles::of(shape.rows(), columns);
    memory->scales.resize(static_cast<size_t>(tiles.count()));
    encode_f8_tiles(values.data(), shape.rows(), columns, weight.tensor.data,
                    memory->scales.data());
    weight.tensor.scales = memory->scales.data();
    weight.tensor.scale_columns = tiles.columns;
  } else {
    encode_rows(values.data(), columns, weight.tensor);
  }
  weight.owner = std::move(memory);
  return weight;
}

// The same, encoded once in a process: every backend gets equal weights, and some encoders search.
inline Weight make_weight(Format format, const Shape& shape, uint32_t seed) {
  static std::map<std::string, Weight> made;
  Weight& weight = made[fmt::format("{} {} {}", format_info(format).name, shape.to_string(), seed)];
  if (!weight.present()) weight = encode_weight(format, shape, seed);
  return weight;
}

// What a model's loader makes of a matrix.
inline Weight prepared(Backend& backend, Weight weight) {
  auto made = backend.prepare(std::move(weight), WeightUse::multiply);
  CHECK(made.has_value());
  return *std::move(made);
}

// A vector [n] around `mean`: 1 for norms, 0 for biases.
inline Weight make_vector(int64_t n, uint32_t seed, float mean) {
  Weight weight = encode_weight(Format::f32, {n}, seed);
  for (float& v : weight.tensor.f32()) v = mean + v * std::sqrt(static_cast<float>(n)) / 4;
  return weight;
}

inline Norm make_norm(int64_t n, uint32_t seed) {
  Norm norm;
  norm.weight = make_vector(n, seed, 1);
  return norm;
}

// Row `row` of any weight, as numbers.
inline std::vector<float> decoded_row(const Tensor& weight, int64_t row) {
  std::vector<float> values(static_cast<size_t>(weight.columns()));
  decode_row(weight, row, 0, weight.columns(), values.data());
  return values;
}

// sum |w||x| for each row of the weight.
inline std::vector<double> magnitudes(const Tensor& weight, std::span<const float> x) {
  std::vector<double> out;
  for (int64_t o = 0; o < weight.rows(); ++o) {
    const std::vector<float> w = decoded_row(weight, o);
    double sum = 0;
    for (size_t i = 0; i < w.size(); ++i) sum += std::abs(static_cast<double>(w[i]) * x[i]);
    out.push_back(sum);
  }
  return out;
}

// Errors of a row [n] after it was rounded to eight bits: one that lies near the middle between two
// steps may fall to either side, and all move with the largest of their block.
inline std::vector<float> eight_bit_errors(std::span<const float> x, std::vector<float> error) {
  for (size_t begin = 0; begin < x.size(); begin += 32) {
    size_t top = begin;
    for (size_t i = begin; i < begin + 32; ++i) {
      if (std::abs(x[i]) > std::abs(x[top])) top = i;
    }
    const float most = std::abs(x[top]);
    const float share = most > 0 ? error[top] / most + 4 * static_cast<float>(kUnit) : 0;
    const float step = most / 127;
    for (size_t i = begin; i < begin + 32; ++i) {
      const float reach = error[i] + share * std::abs(x[i]);
      const float q = std::abs(x[i]) / std::max(step, 1e-30f);
      const bool near_middle = std::abs(q - std::floor(q) - 0.5f) * step <= reach;
      error[i] = reach + (near_middle ? step : 0);
    }
  }
  return error;
}

// How far each of linear's outputs may lie from the exact one.
inline std::vector<double> linear_bound(const Linear& linear, std::span<const float> row) {
  std::vector<float> x(row.begin(), row.end());
  if (linear.weight.form) x = reference::eight_bits(row.data(), static_cast<int64_t>(row.size()));
  std::vector<double> bound = magnitudes(linear.weight.tensor, x);
  for (size_t o = 0; o < bound.size(); ++o) {
    if (linear.bias.present()) bound[o] += std::abs(linear.bias.vector()[o]);
    bound[o] *= (static_cast<double>(x.size()) + kExtra) * kUnit;
  }
  return bound;
}

}  // namespace hearth::testing_backend
