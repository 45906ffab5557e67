// Grouped-query attention on the CPU. A task is one key/value head of one sequence and a tile of
// its queries; each block of keys is decoded once for all of them.
#include <algorithm>
#include <span>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/online_softmax.h"
#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

using cpu::OnlineSoftmax;

constexpr int64_t kQueryTile = 32;

struct Task {
  const SequenceRows* rows;
  int64_t kv_head;
  int64_t first, count;  // queries of the sequence's rows
};

// The tasks of a batch, in memory of the calling thread that its next call takes again.
std::span<const Task> cut(const AttendGqa& a, const Batch& batch) {
  thread_local std::vector<Task> tasks;
  tasks.clear();
  for (const SequenceRows& rows : batch.sequences) {
    for (int64_t first = 0; first < rows.rows; first += kQueryTile) {
      const int64_t count = std::min(kQueryTile, rows.rows - first);
      for (int64_t h = 0; h < a.kv_heads; ++h) tasks.push_back({&rows, h, first, count});
    }
  }
  return tasks;
}

void store_row(const AttendGqa& a, const SequenceRows& rows, int64_t i, const KvCache& cache) {
  const int64_t t = rows.first_row + i;
  const int64_t width = a.kv_heads * a.head_dim;
  thread_local std::vector<float> cos, sin, values;
  cos.resize(static_cast<size_t>(a.rope->dims / 2));
  sin.resize(cos.size());
  a.rope->angles(rows.start + i, cos.data(), sin.data());
  for (int64_t h = 0; h < a.heads; ++h) {
    a.rope->rotate(a.q.f32_row(t) + h * a.head_dim, cos.data(), sin.data());
  }
  for (int64_t h = 0; h < a.kv_heads; ++h) {
    a.rope->rotate(a.k.f32_row(t) + h * a.head_dim, cos.data(), sin.data());
  }
  values.resize(static_cast<size_t>(2 * width));
  std::copy_n(a.k.f32_row(t), width, values.begin());
  std::copy_n(a.v.f32_row(t), width, values.begin() + width);
  cpu::write_row(cache, a.layer, rows, rows.start + i, values.data());
}

void attend_task(const cpu::KernelTable& kernels, const AttendGqa& a, const Task& task,
                 const KvCache& cache) {
  const SequenceRows& rows = *task.rows;
  const int64_t d = a.head_dim;
  const int64_t group = a.heads / a.kv_heads;
  thread_local std::vector<float> keys, values;
  thread_local std::vector<OnlineSoftmax> state;
  keys.resize(static_cast<size_t>(kKvBlockTokens * d));
  values.resize(keys.size());
  state.assign(static_cast<size_t>(task.count * group), {});
  const auto out_of = [&](int64_t q, int64_t g) {
    return a.out.f32_row(rows.first_row + task.first + q) + (task.kv_head * group + g) * d;
  };
  for (int64_t q = 0; q < task.count; ++q) std::fill_n(out_of(q, 0), group * d, 0.0f);
  const int64_t last = rows.start + task.first + task.count - 1;
  for (int64_t begin = 0; begin <= last; begin += kKvBlockTokens) {
    const int64_t held = cpu::visible(begin, last);
    cpu::read_block(kernels, cache, a.layer, rows, begin, held, task.kv_head * d, d, keys.data());
    cpu::read_block(kernels, cache, a.layer, rows, begin, held, (a.kv_heads + task.kv_head) * d, d,
                    values.data());
    for (int64_t q = 0; q < task.count; ++q) {
      const int64_t seen = cpu::visible(begin, rows.start + task.first + q);
      if (seen <= 0) continue;
      const float* query = a.q.f32_row(rows.first_row + task.first + q) + task.kv_head * group * d;
      for (int64_t g = 0; g < group; ++g) {
        float scores[kKvBlockTokens];
        kernels.dot_tile(keys.data(), d, seen, query + g * d, d, 1, d, scores, seen);
        kernels.scale(static_cast<float>(a.scale), scores, seen);
        state[static_cast<size_t>(q * group + g)].add(kernels, scores, seen, values.data(), d, d,
                                                      out_of(q, g));
      }
    }
  }
  for (int64_t q = 0; q < task.count; ++q) {
    for (int64_t g = 0; g < group; ++g) {
      state[static_cast<size_t>(q * group + g)].finish(kernels, out_of(q, g), d);
    }
  }
}

}  // namespace

void CpuBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    pool_.parallel_for(rows.rows, [&](int64_t i) { store_row(args, rows, i, cache); });
  }
  const std::span<const Task> tasks = cut(args, batch);
  pool_.parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
    attend_task(kernels_, args, tasks[static_cast<size_t>(i)], cache);
  });
}

}  // namespace hearth
