// Routing and experts on the CPU. Tokens are grouped by expert so that each expert's weights are
// read once a step; each (token, choice) pair has its own row, and a token sums its rows in the
// order of its choices: the sum does not depend on which other tokens met at an expert.
#include <algorithm>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/backend/router.h"

namespace hearth {
namespace {

using cpu::ActivationRows;
using cpu::kRowsPerPart;
using cpu::row_parts;

// The pairs (token, choice) of a step in the order of their experts. Its vectors serve every step.
struct Grouping {
  struct Group {
    const Expert* expert;
    int64_t first, count;  // rows [first, first + count) of `slots`
  };
  std::vector<int64_t> slots;        // token * num_experts_per_tok + choice
  std::vector<int64_t> row_of_slot;  // the inverse
  std::vector<Group> groups;
  std::vector<int64_t> start;  // of each expert's rows

  void fill(const MoeFfn& args) {
    const int64_t total = args.x.rows() * args.num_experts_per_tok;
    groups.clear();
    start.assign(args.experts.size() + 1, 0);
    for (int64_t s = 0; s < total; ++s) ++start[static_cast<size_t>(args.ids[s]) + 1];
    for (size_t e = 0; e < args.experts.size(); ++e) {
      if (start[e + 1] > 0) groups.push_back({&args.experts[e], start[e], start[e + 1]});
      start[e + 1] += start[e];
    }
    slots.resize(static_cast<size_t>(total));
    row_of_slot.resize(slots.size());
    for (int64_t s = 0; s < total; ++s) {
      const int64_t row = start[static_cast<size_t>(args.ids[s])]++;
      slots[static_cast<size_t>(row)] = s;
      row_of_slot[static_cast<size_t>(s)] = row;
    }
  }
};

// hidden rows of one group, some of their columns: silu(gate) * up.
void expert_hidden(const cpu::KernelTable& kernels, const Expert& expert, int64_t part,
                   const ActivationRows& x, float* hidden, int64_t stride) {
  const int64_t begin = part * kRowsPerPart;
  const int64_t end = std::min(begin + kRowsPerPart, expert.gate_proj.weight.out());
  thread_local std::vector<float> up;
  up.resize(static_cast<size_t>(x.rows * kRowsPerPart));
  cpu::multiply(kernels, expert.gate_proj.weight.tensor, begin, end, x, hidden + begin, stride);
  cpu::multiply(kernels, expert.up_proj.weight.tensor, begin, end, x, up.data(), kRowsPerPart);
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t o = begin; o < end; ++o) {
      float& h = hidden[r * stride + o];
      h = reference::silu(h) * up[static_cast<size_t>(r * kRowsPerPart + o - begin)];
    }
  }
}

}  // namespace

void CpuBackend::route_experts(const RouteExperts& args) {
  const Tensor n = normed(args.x, *args.norm);
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

void CpuBackend::moe_ffn(const MoeFfn& args) {
  thread_local Grouping of_this_thread;
  Grouping& grouping = of_this_thread;  // the workers must see this one, not their own
  grouping.fill(args);
  const int64_t k = args.num_experts_per_tok;
  const int64_t pairs = static_cast<int64_t>(grouping.slots.size());
  const int64_t dim = args.x.columns();
  const int64_t inter = args.experts[0].gate_proj.weight.out();
  const auto groups = static_cast<int64_t>(grouping.groups.size());
  const Tensor n = normed(args.x, *args.norm);
  const Tensor x = scratch({pairs, dim});  // rows in group order
  const Tensor hidden = scratch({pairs, inter});
  const Tensor y = scratch({pairs, dim});
  pool_.parallel_for(pairs, [&](int64_t p) {
    std::copy_n(n.f32_row(grouping.slots[static_cast<size_t>(p)] / k), dim, x.f32_row(p));
  });
  pool_.parallel_for(groups * row_parts(inter), [&](int64_t task) {
    const auto& group = grouping.groups[static_cast<size_t>(task / row_parts(inter))];
    expert_hidden(kernels_, *group.expert, task % row_parts(inter),
                  {x.f32_row(group.first), dim, group.count}, hidden.f32_row(group.first), inter);
  });
  pool_.parallel_for(groups * row_parts(dim), [&](int64_t task) {
    const auto& group = grouping.groups[static_cast<size_t>(task / row_parts(dim))];
    const int64_t begin = task % row_parts(dim) * kRowsPerPart;
    cpu::multiply(
        kernels_, group.expert->down_proj.weight.tensor, begin, std::min(begin + kRowsPerPart, dim),
        {hidden.f32_row(group.first), inter, group.count}, y.f32_row(group.first) + begin, dim);
  });
  pool_.parallel_for(args.x.rows(), [&](int64_t t) {
    for (int64_t slot = t * k; slot < (t + 1) * k; ++slot) {
      kernels_.axpy(args.weights[slot], y.f32_row(grouping.row_of_slot[static_cast<size_t>(slot)]),
                    args.x.f32_row(t), dim);
    }
  });
}

}  // namespace hearth
