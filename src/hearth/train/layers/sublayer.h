// Sublayer: one residual step of a decoder, x + f(norm(x)), forward and backward by hand. A layer
// is two of them: attention and a feed-forward network.
#pragma once

#include <span>

#include "hearth/train/verbs/attention.h"
#include "hearth/train/verbs/compute.h"

namespace hearth::train {

// What a pass over packed documents shares.
struct Pass {
  Compute& compute;
  std::span<const Document> documents;
  const RopeTable* rope = nullptr;
  double balance_weight = 0;  // of the experts' balance loss in the gradient
};

// Owner: the network. `forward` leaves what `backward` needs in memory of the compute's arena: no
// release may lie between the two.
template <typename T>
class Sublayer {
 public:
  virtual ~Sublayer() = default;
  // x [rows, hidden] stays as it is until `backward`.
  virtual Matrix<T> forward(Pass& pass, Matrix<T> x) = 0;
  // dx: from the gradient of what `forward` returned to that of its x, in place. Adds to the
  // gradients of what learns.
  virtual void backward(Pass& pass, Matrix<T> dx) = 0;
};

// A copy of x in the arena, to be added to.
template <typename T>
Matrix<T> residual_copy(Compute& c, Matrix<T> x) {
  const Matrix<T> y = c.take<T>(x.rows, x.columns);
  y.copy_from(x);
  return y;
}

}  // namespace hearth::train
