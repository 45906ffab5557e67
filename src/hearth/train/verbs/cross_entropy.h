// The loss: cross entropy of the supervised rows, its gradient in the same pass. Logits exist for a
// few rows at a time and never for tokens x vocabulary.
#pragma once

#include <span>

#include "hearth/train/verbs/linear.h"

namespace hearth::train {

// Sum over rows of -log p(target) with p = softmax(head(x)); x [rows, hidden] is normed.
// dx [rows, hidden], when not null: replaced by `weight` times the gradient of that sum; the head's
// own gradient, where it learns, is added to.
template <typename T>
double cross_entropy(Compute& c, const Projection<T>& head, Matrix<T> x,
                     std::span<const int32_t> targets, double weight, const Matrix<T>* dx);

}  // namespace hearth::train
