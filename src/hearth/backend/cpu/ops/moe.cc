// Routing and experts on the CPU. Tokens are grouped by expert so that each expert's weights are
// read once a step; each (token, choice) pair has its own row, and a token sums its rows in the
// order of its choices: the sum does not depend on which other tokens met at an expert.
#include <algorithm>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/expert_groups.h"
#include "hearth/backend/cpu/ops/results.h"
#include "hearth/backend/router.h"

namespace hearth {

using cpu::Activations;
using cpu::ExpertGroup;
using cpu::ExpertGroups;
using cpu::ResultTile;
using cpu::TaskCut;

void CpuBackend::route_experts(const RouteExperts& args) {
  if (experts_) read_ahead_.saw_router(args);
  const Tensor n = activations(args.x, *args.norm, false).f32;
  const Tensor logits = scratch({n.rows(), args.gate->out()});
  const Linear gate{*args.gate, {}};
  const LinearOut out{&gate, logits};
  norm_linear(n, Norm{}, {&out, 1});
  pool_.parallel_for(n.rows(), [&](int64_t t) {
    choose_experts(args, {logits.f32_row(t), static_cast<size_t>(logits.columns())},
                   args.ids + t * args.num_experts_per_tok,
                   args.weights + t * args.num_experts_per_tok);
  });
}

// Rows of pairs in scratch, with room for their eight-bit form.
Activations CpuBackend::pair_rows(int64_t pairs, int64_t columns, bool quantized) {
  Activations out{scratch({pairs, columns})};
  if (quantized) {
    out.q = cpu::quantized_planes(pairs, columns, scratch_bytes(quantized_bytes(pairs, columns)));
  }
  return out;
}

// Tiles begin anew in each group: see multiply_task.
void CpuBackend::quantize_pair(const Activations& x, const ExpertGroup& group, int64_t pair) const {
  const int64_t row = pair - group.first;
  const int64_t first = row / cpu::kTileTokens * cpu::kTileTokens;
  const int64_t count = std::min(cpu::kTileTokens, group.count - first);
  kernels_.quantize_row(x.f32.f32_row(pair), cpu::tile_of(x.q, group.first + first, count),
                        row - first);
}

namespace {

// From the first of the groups to the last.
int64_t pairs_of(std::span<const ExpertGroup> groups) {
  return groups.back().first + groups.back().count - groups.front().first;
}

}  // namespace

void CpuBackend::run_experts(std::span<const ExpertGroup> groups, const cpu::PairRows& rows) {
  const auto count = std::ssize(groups);
  const int64_t work = pairs_of(groups) * rows.hidden.f32.columns() * rows.y.columns();
  const TaskCut into(rows.hidden.f32.columns(), pool_.threads());
  pool_.parallel_for(
      count * into.count(),
      [&](int64_t task) {
        const ExpertGroup& group = groups[static_cast<size_t>(task / into.count())];
        cpu::swiglu_task(kernels_, group.expert->gate_proj, group.expert->up_proj, rows.x,
                         group.first, group.count, into, task % into.count(), rows.hidden.f32);
      },
      2 * work);
  if (rows.hidden.q.rows > 0) {
    const int64_t pairs = pairs_of(groups);
    thread_local std::vector<const ExpertGroup*> of_this_thread;
    std::vector<const ExpertGroup*>& of_pair = of_this_thread;
    of_pair.assign(static_cast<size_t>(pairs), nullptr);
    for (const ExpertGroup& group : groups) {
      std::fill_n(of_pair.begin() + (group.first - groups.front().first), group.count, &group);
    }
    pool_.parallel_for(
        pairs,
        [&](int64_t i) {
          const ExpertGroup* group = of_pair[static_cast<size_t>(i)];
          if (group) quantize_pair(rows.hidden, *group, groups.front().first + i);
        },
        4 * pairs * rows.hidden.f32.columns());
  }
  const TaskCut back(rows.y.columns(), pool_.threads());
  pool_.parallel_for(
      count * back.count(),
      [&](int64_t task) {
        const ExpertGroup& group = groups[static_cast<size_t>(task / back.count())];
        const Linear& down = group.expert->down_proj;
        cpu::multiply_task(kernels_, down.weight, rows.hidden, group.first, group.count, back,
                           task % back.count(), [&](const ResultTile& tile) {
                             cpu::add_bias(down, tile);
                             cpu::store(tile, rows.y);
                           });
      },
      work);
}

void CpuBackend::moe_ffn(const MoeFfn& args) {
  thread_local ExpertGroups of_this_thread;
  ExpertGroups& groups = of_this_thread;  // the workers must see this one, not their own
  groups.fill(args);
  const int64_t k = args.num_experts_per_tok;
  const int64_t dim = args.x.columns();
  const Expert& any = args.experts[0];
  const int64_t inter = any.gate_proj.weight.out();
  const Tensor n = activations(args.x, *args.norm, false).f32;
  cpu::PairRows rows;
  rows.x = pair_rows(
      groups.pairs(), dim,
      cpu::wants_eight_bits(any.gate_proj.weight) || cpu::wants_eight_bits(any.up_proj.weight));
  rows.hidden = pair_rows(groups.pairs(), inter, cpu::wants_eight_bits(any.down_proj.weight));
  rows.y = scratch({groups.pairs(), dim});
  pool_.parallel_for(
      groups.pairs(),
      [&](int64_t p) {
        std::copy_n(n.f32_row(groups.slot(p) / k), dim, rows.x.f32.f32_row(p));
        if (rows.x.q.rows > 0) quantize_pair(rows.x, groups.of_pair(p), p);
      },
      4 * groups.pairs() * dim);
  if (experts_ && cpu::file_matrix(any.gate_proj.weight)) {
    if (!run_stored_experts(args, groups, rows)) return;  // end_forward says why
  } else {
    run_experts(groups.all(), rows);
  }
  pool_.parallel_for(
      args.x.rows(),
      [&](int64_t t) {
        for (int64_t slot = t * k; slot < (t + 1) * k; ++slot) {
          kernels_.axpy(args.weights[slot], rows.y.f32_row(groups.pair(slot)), args.x.f32_row(t),
                        dim);
        }
      },
      args.x.rows() * k * dim);
}

}  // namespace hearth
