// Dense verbs of the CPU backend, and what they share: normed and quantised rows.
#include <algorithm>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/results.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/formats/codec.h"

namespace hearth {
using cpu::Activations;
using cpu::ResultTile;

Activations CpuBackend::activations(Tensor x, const Norm& norm, bool quantized) {
  Activations out{x};
  if (norm.weight.present()) out.f32 = scratch({x.rows(), x.columns()});
  if (quantized) {
    out.q = cpu::quantized_planes(x.rows(), x.columns(),
                                  scratch_bytes(quantized_bytes(x.rows(), x.columns())));
  }
  if (out.f32.data == x.data && !quantized) return out;
  pool_.parallel_for(
      x.rows(),
      [&](int64_t t) {
        if (norm.weight.present()) {
          reference::rms_norm(x.f32_row(t), x.columns(), norm, out.f32.f32_row(t));
        }
        if (quantized) quantize(out, t);
      },
      4 * x.rows() * x.columns());
  return out;
}

void CpuBackend::quantize(const Activations& x, int64_t t) const {
  const int64_t first = t / cpu::kTileTokens * cpu::kTileTokens;
  const int64_t count = std::min(cpu::kTileTokens, x.rows() - first);
  kernels_.quantize_row(x.f32.f32_row(t), cpu::tile_of(x.q, first, count), t - first);
}

void CpuBackend::embed_rows(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  pool_.parallel_for(static_cast<int64_t>(ids.size()), [&](int64_t i) {
    decode_row(table.tensor, ids[static_cast<size_t>(i)], 0, table.in(), out.f32_row(i));
  });
}

void CpuBackend::norm_linear(Tensor x, const Norm& norm, std::span<const LinearOut> outs) {
  if (x.rows() == 0) return;  // no logits wanted
  bool quantized = false;
  int64_t tasks = 0;
  int64_t work = 0;
  for (const LinearOut& to : outs) {
    quantized = quantized || cpu::wants_eight_bits(to.linear->weight);
    tasks += cut(to.linear->weight).count();
    work += cpu::work_of(to.linear->weight, x.rows());
  }
  const Activations n = activations(x, norm, quantized);
  pool_.parallel_for(
      tasks,
      [&](int64_t task) {
        size_t i = 0;
        while (task >= cut(outs[i].linear->weight).count())
          task -= cut(outs[i++].linear->weight).count();
        const Linear& linear = *outs[i].linear;
        cpu::multiply_task(kernels_, linear.weight, n, 0, x.rows(), cut(linear.weight), task,
                           [&](const ResultTile& tile) {
                             cpu::add_bias(linear, tile);
                             cpu::store(tile, outs[i].out);
                           });
      },
      work);
}

void CpuBackend::qk_norm(Tensor x, const Norm& norm, int64_t head_dim) {
  pool_.parallel_for(x.rows(), [&](int64_t t) {
    for (int64_t i = 0; i < x.columns(); i += head_dim) {
      reference::rms_norm(x.f32_row(t) + i, head_dim, norm, x.f32_row(t) + i);
    }
  });
}

void CpuBackend::linear_add(Tensor x, const Linear& linear, Tensor residual) {
  const Activations n = activations(x, Norm{}, cpu::wants_eight_bits(linear.weight));
  const cpu::TaskCut rows = cut(linear.weight);
  pool_.parallel_for(
      rows.count(),
      [&](int64_t task) {
        cpu::multiply_task(kernels_, linear.weight, n, 0, x.rows(), rows, task,
                           [&](const ResultTile& tile) {
                             cpu::add_bias(linear, tile);
                             cpu::add(tile, residual);
                           });
      },
      cpu::work_of(linear.weight, x.rows()));
}

void CpuBackend::norm_linear_swiglu(Tensor x, const Norm& norm, const Linear& gate,
                                    const Linear& up, Tensor out) {
  const bool quantized = cpu::wants_eight_bits(gate.weight) || cpu::wants_eight_bits(up.weight);
  const Activations n = activations(x, norm, quantized);
  const cpu::TaskCut rows = cut(gate.weight);
  pool_.parallel_for(
      rows.count(),
      [&](int64_t task) { cpu::swiglu_task(kernels_, gate, up, n, 0, x.rows(), rows, task, out); },
      2 * cpu::work_of(gate.weight, x.rows()));
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
