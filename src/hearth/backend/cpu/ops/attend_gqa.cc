// Grouped-query attention on the CPU. A task is one key/value head of one sequence and a tile of
// its queries; the query heads of the group are rows of the same products (gqa_tile.h). The history
// of generated rows is cut every 512 positions into tasks whose results are merged in order: many
// threads share one long history, and the cut depends on nothing but the position.
#include <algorithm>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/gqa_tile.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

using cpu::GqaResults;
using cpu::GqaTask;
using cpu::KernelTable;
using cpu::mix_width;
using cpu::resized;
using cpu::SoftmaxState;

constexpr int64_t kQueryTile = 32;
constexpr int64_t kSegment = 512;  // positions

// The tasks of a batch, and the results of those that see a segment alone.
struct Plan {
  std::vector<GqaTask> tasks;
  std::vector<size_t> merges;  // tasks with first segments; the others follow each
  int64_t parts = 0;           // rows of partial results
  cpu::Floats mixes;
  std::vector<SoftmaxState> states;

  void add_tile(const SequenceRows& rows, int64_t first, int64_t count, int64_t kv_head,
                int64_t group) {
    const int64_t end = rows.start + first + count;
    if (rows.role != Role::generated || end <= kSegment) {
      tasks.push_back({&rows, kv_head, first, count, 0, end, -1});
      return;
    }
    merges.push_back(tasks.size());
    for (int64_t begin = 0; begin < end; begin += kSegment) {
      const int64_t until = std::min(begin + kSegment, end);
      tasks.push_back({&rows, kv_head, first, count, begin, until, parts});
      parts += count * group;
    }
  }

  GqaResults results(const GqaTask& task, int64_t width) {
    return {mixes.data() + task.part * width, states.data() + task.part};
  }
};

// In memory of the calling thread that its next call takes again.
Plan& plan_of(const AttendGqa& a, const Batch& batch) {
  thread_local Plan plan;
  plan.tasks.clear();
  plan.merges.clear();
  plan.parts = 0;
  for (const SequenceRows& rows : batch.sequences) {
    for (int64_t first = 0; first < rows.rows; first += kQueryTile) {
      const int64_t count = std::min(kQueryTile, rows.rows - first);
      for (int64_t h = 0; h < a.kv_heads; ++h) {
        plan.add_tile(rows, first, count, h, cpu::group_of(a));
      }
    }
  }
  resized(plan.mixes, plan.parts * mix_width(a));
  resized(plan.states, plan.parts);
  return plan;
}

// Rotates q and k of a row and writes k and v to the cache.
void store_row(const AttendGqa& a, const SequenceRows& rows, int64_t i, const KvCache& cache) {
  const int64_t t = rows.first_row + i;
  const int64_t width = a.kv_heads * a.head_dim;
  thread_local cpu::Floats cos_, sin_, values_;
  float* cos = resized(cos_, a.rope->dims / 2);
  float* sin = resized(sin_, a.rope->dims / 2);
  a.rope->angles(rows.start + i, cos, sin);
  for (int64_t h = 0; h < a.heads; ++h) a.rope->rotate(a.q.f32_row(t) + h * a.head_dim, cos, sin);
  for (int64_t h = 0; h < a.kv_heads; ++h) {
    a.rope->rotate(a.k.f32_row(t) + h * a.head_dim, cos, sin);
  }
  float* values = resized(values_, 2 * width);
  std::copy_n(a.k.f32_row(t), width, values);
  std::copy_n(a.v.f32_row(t), width, values + width);
  cache.store(a.layer, rows, rows.start + i, values);
}

// Row r of a task, complete: its sum and its mix.
void write_row(const KernelTable& kernels, const AttendGqa& a, const GqaTask& task, int64_t r,
               float sum, float* mix) {
  const int64_t group = cpu::group_of(a);
  const int64_t head = task.kv_head * group + r % group;
  kernels.scale(1 / sum, mix, mix_width(a));
  std::copy_n(mix, a.head_dim,
              a.out.f32_row(task.rows->first_row + task.first + r / group) + head * a.head_dim);
}

void attend_task(const KernelTable& kernels, const AttendGqa& a, const GqaTask& task,
                 const KvCache& cache, Plan& plan) {
  thread_local cpu::Floats mix;
  thread_local std::vector<SoftmaxState> states;
  const int64_t rows = task.count * cpu::group_of(a);
  const int64_t width = mix_width(a);
  const bool whole = task.part < 0;
  const GqaResults results = whole ? GqaResults{resized(mix, rows * width), resized(states, rows)}
                                   : plan.results(task, width);
  cpu::GqaTile(kernels, a, task, cache, results).attend();
  for (int64_t r = 0; whole && r < rows; ++r) {
    write_row(kernels, a, task, r, results.states[r].sum, results.mix + r * width);
  }
}

// Brings the segments of a tile together; a row takes those that it sees.
void merge_task(const KernelTable& kernels, const AttendGqa& a, const GqaTask& task, Plan& plan) {
  const int64_t rows = task.count * cpu::group_of(a);
  const int64_t width = mix_width(a);
  const GqaResults parts = plan.results(task, width);
  for (int64_t r = 0; r < rows; ++r) {
    SoftmaxState total = parts.states[r];
    float* mix = parts.mix + r * width;
    const int64_t position = task.rows->start + task.first + r / cpu::group_of(a);
    for (int64_t s = 1; s <= position / kSegment; ++s) {
      const int64_t other = s * rows + r;
      kernels.merge_softmax(&total, mix, parts.states[other], parts.mix + other * width, width);
    }
    write_row(kernels, a, task, r, total.sum, mix);
  }
}

}  // namespace

void CpuBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    pool_.parallel_for(rows.rows, [&](int64_t i) { store_row(args, rows, i, cache); });
  }
  Plan& plan = plan_of(args, batch);
  pool_.parallel_for(static_cast<int64_t>(plan.tasks.size()), [&](int64_t i) {
    attend_task(kernels_, args, plan.tasks[static_cast<size_t>(i)], cache, plan);
  });
  pool_.parallel_for(static_cast<int64_t>(plan.merges.size()), [&](int64_t i) {
    merge_task(kernels_, args, plan.tasks[plan.merges[static_cast<size_t>(i)]], plan);
  });
}

}  // namespace hearth
