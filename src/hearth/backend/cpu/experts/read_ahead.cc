// See read_ahead.h. The guess and the router share their product (multiply_tile), so that a layer
// that changed nothing would be guessed without a mistake.
#include "hearth/backend/cpu/experts/read_ahead.h"

#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/backend/router.h"

namespace hearth::cpu {

std::span<const int64_t> ReadAhead::guess(const KernelTable& kernels, ThreadPool& pool,
                                          int64_t layer, const Tensor& x) {
  const auto found = routers_.find(layer);
  if (found == routers_.end()) return {};
  const RouteExperts& router = found->second;
  const int64_t rows = x.rows(), dim = x.columns(), experts = router.gate->out();
  const int64_t k = router.num_experts_per_tok;
  normed_.resize(static_cast<size_t>(rows * dim));
  logits_.resize(static_cast<size_t>(rows * experts));
  weights_.resize(static_cast<size_t>(k));
  ids_.resize(static_cast<size_t>(k));
  for (int64_t t = 0; t < rows; ++t) {
    reference::rms_norm(x.f32_row(t), dim, *router.norm, normed_.data() + t * dim);
  }
  const Activations n{
      Tensor::packed(Format::f32, {rows, dim}, reinterpret_cast<std::byte*>(normed_.data())), {}};
  const TaskCut cut(experts, pool.threads());
  pool.parallel_for(cut.count(), [&](int64_t task) {
    multiply_task(kernels, *router.gate, n, 0, rows, cut, task, [&](const ResultTile& tile) {
      tile.for_each_run([&](int64_t t, int64_t row, const float* lanes, int64_t count) {
        std::copy_n(lanes, count, logits_.data() + t * experts + row);
      });
    });
  });
  tokens_.assign(static_cast<size_t>(experts), 0);
  for (int64_t t = 0; t < rows; ++t) {
    choose_experts(router, {logits_.data() + t * experts, static_cast<size_t>(experts)},
                   ids_.data(), weights_.data());
    for (const int32_t e : ids_) ++tokens_[static_cast<size_t>(e)];
  }
  return tokens_;
}

}  // namespace hearth::cpu
