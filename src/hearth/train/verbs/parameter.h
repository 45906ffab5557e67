// Parameter: a tensor that training holds as values of its own, with its gradient when it learns.
// Weight: a matrix as the forward meets it: frozen in the format it is stored in, or a parameter.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hearth/tensor/tensor.h"
#include "hearth/train/verbs/product.h"

namespace hearth::train {

template <typename T>
struct Parameter {
  std::string name;  // Hugging Face's, or PEFT's for an adapter
  Shape shape;       // [n] or [out, in]
  std::vector<T> value;
  std::vector<T> gradient;  // of the same size; empty: it is frozen

  bool learns() const { return !gradient.empty(); }
  void learn() { gradient.assign(value.size(), 0); }
  Matrix<T> values() { return {value.data(), shape.rows(), shape.columns(), shape.columns()}; }
  Matrix<T> gradients() {
    return {gradient.data(), shape.rows(), shape.columns(), shape.columns()};
  }
};

// A matrix [out, in], in one of its two forms.
template <typename T>
struct Operand {
  const Tensor* stored = nullptr;   // frozen
  Parameter<T>* learned = nullptr;  // where it is set, `stored` is not read

  int64_t out() const { return learned ? learned->shape.rows() : stored->rows(); }
  int64_t in() const { return learned ? learned->shape.columns() : stored->columns(); }
  Right<T> right(bool transposed) const {
    return learned ? Right<T>(learned->values(), transposed) : Right<T>(*stored, transposed);
  }
};

}  // namespace hearth::train
