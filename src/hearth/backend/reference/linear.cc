// The dense verbs of the reference: embedding rows, norm + linear, SwiGLU, residual add, head.
#include <algorithm>
#include <vector>

#include "hearth/backend/reference/reference_backend.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/formats/codec.h"

namespace hearth {

using reference::apply;
using reference::rms_norm;
using reference::silu;

// The form of a weight that is multiplied by activations of eight bits: nothing but the mark.
struct EightBitActivations : BackendForm {};

Result<Weight> ReferenceBackend::prepare(Weight weight, WeightUse use) {
  if (use != WeightUse::rows && activation_ == Activation::automatic &&
      weight.tensor.shape.rank() == 2 && has_integer_kernels(weight.tensor.format)) {
    weight.form = std::make_shared<EightBitActivations>();
  }
  return weight;
}

void ReferenceBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  for (size_t i = 0; i < ids.size(); ++i) {
    decode_row(table.tensor, ids[i], 0, table.in(), out.f32_row(static_cast<int64_t>(i)));
  }
}

void ReferenceBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  std::vector<float> normed(static_cast<size_t>(x.columns()));
  for (int64_t t = 0; t < x.rows(); ++t) {
    rms_norm(x.f32_row(t), x.columns(), norm, normed.data());
    for (const LinearOut& to : outs) apply(*to.linear, normed.data(), to.out.f32_row(t));
  }
}

void ReferenceBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t i = 0; i < x.columns(); i += head_dim) {
      rms_norm(x.f32_row(t) + i, head_dim, norm, x.f32_row(t) + i);
    }
  }
}

void ReferenceBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  std::vector<float> y(static_cast<size_t>(linear.weight.out()));
  for (int64_t t = 0; t < x.rows(); ++t) {
    apply(linear, x.f32_row(t), y.data());
    float* to = residual.f32_row(t);
    for (size_t i = 0; i < y.size(); ++i) to[i] += y[i];
  }
}

void ReferenceBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                          const Linear& up, Tensor out) {
  std::vector<float> normed(static_cast<size_t>(x.columns()));
  std::vector<float> raised(static_cast<size_t>(up.weight.out()));
  for (int64_t t = 0; t < x.rows(); ++t) {
    rms_norm(x.f32_row(t), x.columns(), norm, normed.data());
    float* y = out.f32_row(t);
    apply(gate, normed.data(), y);
    apply(up, normed.data(), raised.data());
    for (size_t i = 0; i < raised.size(); ++i) y[i] = silu(y[i]) * raised[i];
  }
}

void ReferenceBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  std::vector<float> normed(static_cast<size_t>(x.columns()));
  for (const LowRankAdd& add : adds) {
    std::vector<float> low(static_cast<size_t>(add.delta->a.out()));
    std::vector<float> y(static_cast<size_t>(add.delta->b.out()));
    for (int64_t t = add.first_row; t < add.first_row + add.rows; ++t) {
      rms_norm(x.f32_row(t), x.columns(), norm, normed.data());
      apply({add.delta->a, {}}, normed.data(), low.data());
      apply({add.delta->b, {}}, low.data(), y.data());
      float* to = add.out.f32_row(t);
      for (size_t i = 0; i < y.size(); ++i) to[i] += y[i];
    }
  }
}

void ReferenceBackend::swiglu(Tensor gate, Tensor up) {
  for (int64_t t = 0; t < gate.rows(); ++t) {
    float* y = gate.f32_row(t);
    for (int64_t i = 0; i < gate.columns(); ++i) y[i] = silu(y[i]) * up.f32_row(t)[i];
  }
}

void ReferenceBackend::gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(x.f32_row(rows[i]), x.columns(), out.f32_row(static_cast<int64_t>(i)));
  }
}

void ReferenceBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  const LinearOut out{&head, logits};
  norm_linear(x, norm, {&out, 1});
}

}  // namespace hearth
