// See cross_entropy.h. The gradient of a row's logits is p - onehot(target), in place of the
// logits.
#include "hearth/train/verbs/cross_entropy.h"

#include <cmath>
#include <vector>

namespace hearth::train {
namespace {

constexpr int64_t kLogitsMax = int64_t{1} << 24;  // numbers held at once: 64 MB of floats

// One row: its loss; the logits become exp(logit - top), whose sum is `sum`.
template <typename T>
double row_loss(T* logits, int64_t n, int32_t target, double* sum) {
  const T top = *std::max_element(logits, logits + n);
  const T chosen = logits[target];
  *sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    logits[i] = std::exp(logits[i] - top);
    *sum += static_cast<double>(logits[i]);
  }
  return std::log(*sum) + static_cast<double>(top) - static_cast<double>(chosen);
}

// From there on: weight * (p - onehot(target)).
template <typename T>
void row_gradient(T* exponentials, int64_t n, int32_t target, double sum, double weight) {
  const T factor = static_cast<T>(weight / sum);
  for (int64_t i = 0; i < n; ++i) exponentials[i] *= factor;
  exponentials[target] -= static_cast<T>(weight);
}

}  // namespace

template <typename T>
std::vector<double> cross_entropy(Compute& c, const Projection<T>& head, Matrix<T> x,
                                  std::span<const int32_t> targets,
                                  const CrossEntropyGradient<T>* gradient) {
  const int64_t vocabulary = head.out();
  const int64_t rows_max = std::max<int64_t>(1, kLogitsMax / vocabulary);
  std::vector<double> losses(targets.size());
  for (int64_t begin = 0; begin < x.rows; begin += rows_max) {
    const ComputeScope scope(c);
    const int64_t rows = std::min(rows_max, x.rows - begin);
    const Matrix<T> logits = c.take<T>(rows, vocabulary);
    const Matrix<T> from = x.rows_from(begin, rows);
    head.forward(c, from, logits, Into::replace);
    c.in_pieces(rows, 1, [&](int64_t r, int64_t) {
      const auto at = static_cast<size_t>(begin + r);
      double sum = 0;
      losses[at] = row_loss(logits.row(r), vocabulary, targets[at], &sum);
      if (!gradient) return;
      const double weight = gradient->weight(begin + r, losses[at]);
      row_gradient(logits.row(r), vocabulary, targets[at], sum, weight);
    });
    if (gradient) {
      head.backward(c, from, logits, gradient->dx.rows_from(begin, rows), Into::replace);
    }
  }
  return losses;
}

template std::vector<double> cross_entropy(Compute&, const Projection<float>&, Matrix<float>,
                                           std::span<const int32_t>,
                                           const CrossEntropyGradient<float>*);
template std::vector<double> cross_entropy(Compute&, const Projection<double>&, Matrix<double>,
                                           std::span<const int32_t>,
                                           const CrossEntropyGradient<double>*);

}  // namespace hearth::train
