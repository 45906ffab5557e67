// The deltas of adapters on the CPU: two float products a row, by the kernels of packed weights. A
// task of the first is a tile of rows of one add, a task of the second some outputs of one add.
#include <algorithm>
#include <array>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/results.h"
#include "hearth/backend/reference/scalar.h"

namespace hearth {
namespace {

using cpu::Activations;
using cpu::kPairRows;
using cpu::kTileTokens;
using cpu::ResultTile;

bool is_wanted(std::span<const LowRankAdd> adds, int64_t row) {
  return std::ranges::any_of(adds, [&](const LowRankAdd& add) {
    return row >= add.first_row && row < add.first_row + add.rows;
  });
}

// Finds the add that a task belongs to, if each add has count(add) of them; `task` becomes its
// number among these.
template <typename Count>
size_t add_of(std::span<const LowRankAdd> adds, int64_t& task, const Count& count) {
  size_t i = 0;
  while (task >= count(adds[i])) task -= count(adds[i++]);
  return i;
}

int64_t tiles_of(const LowRankAdd& add) {
  return ceil_div(add.rows, kTileTokens);
}

// low [rows, rank] = a n, for tile `tile` of the rows.
void lower(const cpu::KernelTable& kernels, const Weight& a, const Activations& n, int64_t tile,
           const Tensor& low) {
  alignas(64) std::array<float, kPairRows * kTileTokens> buffer;
  const int64_t first = tile * kTileTokens;
  const int64_t count = std::min(kTileTokens, n.rows() - first);
  for (int64_t r = 0; r < a.out(); r += kPairRows) {
    cpu::multiply_tile(kernels, a, n, first, count, r, buffer.data());
    cpu::store({buffer.data(), first, count, r, std::min(kPairRows, a.out() - r)}, low);
  }
}

}  // namespace

void CpuBackend::add_low_rank(Tensor x, const Norm& norm, std::span<const LowRankAdd> adds) {
  Tensor n = x;
  if (norm.weight.present()) {
    n = scratch(x.shape);
    pool_.parallel_for(x.rows(), [&](int64_t t) {
      if (is_wanted(adds, t)) {
        reference::rms_norm(x.f32_row(t), x.columns(), norm, n.f32_row(t));
      }
    });
  }
  low_rank_rows_.clear();
  int64_t tiles = 0;
  int64_t tasks = 0;
  for (const LowRankAdd& add : adds) {
    low_rank_rows_.push_back(scratch({add.rows, add.delta->a.out()}));
    tiles += tiles_of(add);
    tasks += cut(add.delta->b).count();
  }
  pool_.parallel_for(tiles, [&](int64_t tile) {
    const size_t i = add_of(adds, tile, tiles_of);
    const Activations rows{n.row_slice(adds[i].first_row, adds[i].rows)};
    lower(kernels_, adds[i].delta->a, rows, tile, low_rank_rows_[i]);
  });
  pool_.parallel_for(tasks, [&](int64_t task) {
    const size_t i =
        add_of(adds, task, [&](const LowRankAdd& add) { return cut(add.delta->b).count(); });
    const LowRankAdd& add = adds[i];
    const Tensor out = add.out.row_slice(add.first_row, add.rows);
    cpu::multiply_task(kernels_, add.delta->b, Activations{low_rank_rows_[i]}, 0, add.rows,
                       cut(add.delta->b), task,
                       [&](const ResultTile& tile) { cpu::add(tile, out); });
  });
}

// The kernel takes whole vectors: the end of a row goes through one of its own.
void CpuBackend::swiglu(Tensor gate, Tensor up) {
  constexpr int64_t kLanes = 16;
  const int64_t whole = gate.columns() / kLanes * kLanes;
  const int64_t rest = gate.columns() - whole;
  pool_.parallel_for(gate.rows(), [&](int64_t t) {
    float* y = gate.f32_row(t);
    const float* raised = up.f32_row(t);
    kernels_.swiglu(y, raised, whole);
    if (rest == 0) return;
    alignas(64) std::array<float, kLanes> y_end{}, raised_end{};
    std::copy_n(y + whole, rest, y_end.data());
    std::copy_n(raised + whole, rest, raised_end.data());
    kernels_.swiglu(y_end.data(), raised_end.data(), kLanes);
    std::copy_n(y_end.data(), rest, y + whole);
  });
}

}  // namespace hearth
