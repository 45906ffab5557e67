// The values of one random tensor, each from its index alone (a counter-based generator), so that
// rows can be asked for in any order and in any layout.
#pragma once

#include <cstdint>
#include <string>

#include "hearth/models/tensor_spec.h"

namespace hearth {

class RandomTensor {
 public:
  // `tied`: the embedding is also the output matrix.
  RandomTensor(uint64_t seed, const TensorSpec& spec, bool tied);

  float at(int64_t row, int64_t column) const { return value(row * columns_ + column); }
  void fill_row(int64_t row, float* out) const;  // [columns]

 private:
  enum class Kind : uint8_t { normal, uniform };
  float value(int64_t index) const;

  uint64_t key_;
  int64_t columns_;
  Kind kind_ = Kind::normal;
  float centre_ = 0;
  float spread_ = 1;  // standard deviation, or width of the uniform range
};

}  // namespace hearth
