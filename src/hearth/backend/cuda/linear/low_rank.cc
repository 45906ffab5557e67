// The deltas of adapters on the GPU: both products by the matrix-vector kernel, whatever the role
// of the rows, so that a row's result depends on the row alone.
#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/linear/rows.h"

namespace hearth {
namespace {

float* floats(const Tensor& t) {
  return reinterpret_cast<float*>(t.data);
}

}  // namespace

void CudaBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  const cuda::RowsView n = activations(x, norm, false);
  for (const LowRankAdd& add : adds) {
    const Tensor low = scratch({add.rows, add.delta->a.out()});
    cuda::MatvecJob down;
    down.x = n;
    down.x.floats += add.first_row * x.columns();
    down.parts[down.count++] = {cuda::view_of(add.delta->a), nullptr, floats(low)};
    multiply(down, add.rows, false);
    cuda::MatvecJob up;
    up.x = activations(low, Norm{}, false);
    up.parts[up.count++] = {cuda::view_of(add.delta->b), nullptr,
                            floats(add.out.row_slice(add.first_row, add.rows))};
    up.finish = cuda::Finish::add;
    multiply(up, add.rows, false);
  }
}

void CudaBackend::swiglu(Tensor gate, Tensor up) {
  cuda::swiglu(*stream_, floats(gate), floats(up), gate.shape.elements());
}

}  // namespace hearth
