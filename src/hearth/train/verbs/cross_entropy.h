// The loss: cross entropy of rows whose next token is known, its gradient in the same pass. Logits
// exist for a few rows at a time and never for tokens x vocabulary.
#pragma once

#include <span>
#include <vector>

#include "hearth/base/function_ref.h"
#include "hearth/train/verbs/linear.h"

namespace hearth::train {

// What becomes of the gradient. Each row counts `weight(row, loss)`, which must be a pure function:
// it is called on several threads, in no order.
template <typename T>
struct CrossEntropyGradient {
  FunctionRef<double(int64_t row, double loss)> weight;
  Matrix<T> dx;  // [rows, hidden], replaced
};

// -log p(target) of each row with p = softmax(head(x)); x [rows, hidden] is normed. With
// `gradient`, that of the sum of weight * loss, weights held fixed; the head's own, where it
// learns, is added to.
template <typename T>
std::vector<double> cross_entropy(Compute& c, const Projection<T>& head, Matrix<T> x,
                                  std::span<const int32_t> targets,
                                  const CrossEntropyGradient<T>* gradient);

}  // namespace hearth::train
