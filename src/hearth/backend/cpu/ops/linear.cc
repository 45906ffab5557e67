// Dense verbs of the CPU backend. A task is one block of weight rows times all activation rows.
#include <algorithm>
#include <cmath>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

using cpu::ActivationRows;
using cpu::kRowsPerPart;
using cpu::row_parts;

ActivationRows rows_of(const Tensor& x) {
  return {x.f32_row(0), x.row_bytes / 4, x.rows()};
}

// One block of output rows: result to `to` by `put(x row, output row, value)`.
template <typename Put>
void multiply_part(const cpu::KernelTable& kernels, const Linear& linear, const Tensor& x,
                   int64_t part, const Put& put) {
  const int64_t begin = part * kRowsPerPart;
  const int64_t end = std::min(begin + kRowsPerPart, linear.weight.out());
  thread_local std::vector<float> block;
  block.resize(static_cast<size_t>(x.rows() * kRowsPerPart));
  cpu::multiply(kernels, linear.weight.tensor, begin, end, rows_of(x), block.data(), kRowsPerPart);
  const float* bias = linear.bias.present() ? linear.bias.vector() : nullptr;
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t o = begin; o < end; ++o) {
      const float y = block[static_cast<size_t>(t * kRowsPerPart + o - begin)];
      put(t, o, bias ? y + bias[o] : y);
    }
  }
}

}  // namespace

Tensor CpuBackend::normed(Tensor x, const Norm& norm) {
  if (!norm.weight.present()) return x;
  const Tensor out = scratch({x.rows(), x.columns()});
  pool_.parallel_for(x.rows(), [&](int64_t t) {
    reference::rms_norm(x.f32_row(t), x.columns(), norm, out.f32_row(t));
  });
  return out;
}

void CpuBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  pool_.parallel_for(static_cast<int64_t>(ids.size()), [&](int64_t i) {
    decode_row(table.tensor, ids[static_cast<size_t>(i)], 0, table.in(), out.f32_row(i));
  });
}

void CpuBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  if (x.rows() == 0) return;  // no logits wanted: don't decode the head for nothing
  const Tensor n = normed(x, norm);
  int64_t parts = 0;
  for (const LinearOut& to : outs) parts += row_parts(to.linear->weight.out());
  pool_.parallel_for(parts, [&](int64_t part) {
    size_t i = 0;
    while (part >= row_parts(outs[i].linear->weight.out())) {
      part -= row_parts(outs[i++].linear->weight.out());
    }
    const Tensor& out = outs[i].out;
    multiply_part(kernels_, *outs[i].linear, n, part,
                  [&](int64_t t, int64_t o, float y) { out.f32_row(t)[o] = y; });
  });
}

void CpuBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  pool_.parallel_for(x.rows(), [&](int64_t t) {
    for (int64_t i = 0; i < x.columns(); i += head_dim) {
      reference::rms_norm(x.f32_row(t) + i, head_dim, norm, x.f32_row(t) + i);
    }
  });
}

void CpuBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  pool_.parallel_for(row_parts(linear.weight.out()), [&](int64_t part) {
    multiply_part(kernels_, linear, x, part,
                  [&](int64_t t, int64_t o, float y) { residual.f32_row(t)[o] += y; });
  });
}

void CpuBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                    const Linear& up, Tensor out) {
  const Tensor n = normed(x, norm);
  pool_.parallel_for(row_parts(gate.weight.out()), [&](int64_t part) {
    multiply_part(kernels_, gate, n, part,
                  [&](int64_t t, int64_t o, float y) { out.f32_row(t)[o] = reference::silu(y); });
    multiply_part(kernels_, up, n, part,
                  [&](int64_t t, int64_t o, float y) { out.f32_row(t)[o] *= y; });
  });
}

void CpuBackend::gather_rows(Tensor x, std::span<const int64_t> rows, Tensor out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(x.f32_row(rows[i]), x.columns(), out.f32_row(static_cast<int64_t>(i)));
  }
}

void CpuBackend::head_logits(Tensor x, const Norm& norm, const Linear& head, Tensor logits) {
  const LinearOut out{&head, logits};
  norm_linear(x, norm, {&out, 1});
}

}  // namespace hearth
