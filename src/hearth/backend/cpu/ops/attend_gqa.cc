// Grouped-query attention on the CPU. Keys lie transposed in the cache (kv_cache.h): scores have
// positions across lanes, the mix has dimensions across lanes, and neither needs a sum over lanes.
// A task is one key/value head of one sequence and a tile of its queries; the query heads of the
// group are rows of the same products.
#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

using cpu::FloatFormat;
using cpu::FloatGemm;
using cpu::KernelTable;
using cpu::resized;
using cpu::SoftmaxState;

constexpr int64_t kQueryTile = 32;
constexpr int64_t kTokens = kKvBlockTokens;
// From so many rows on, a block is widened once to float; fewer read it as it lies.
constexpr int64_t kWidenFrom = 24;

struct Task {
  const SequenceRows* rows;
  int64_t kv_head;
  int64_t first, count;  // queries of the sequence's rows
};

// The tasks of a batch, in memory of the calling thread that its next call takes again.
std::span<const Task> tasks_of(const AttendGqa& a, const Batch& batch) {
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

// One block's keys [head_dim][64] and values [64][value_stride] as the products read them.
struct BlockView {
  const void* keys;
  const void* values;
  FloatFormat format;
  int64_t value_stride;
};

// Values are read in chunks of 16: other head sizes are widened with room at the end of each row.
BlockView view_block(const KernelTable& kernels, const AttendGqa& a, const KvCache& cache,
                     const Task& task, int64_t begin, int64_t held, bool widened) {
  thread_local cpu::Floats keys_, values_;
  const int64_t d = a.head_dim;
  const Format format = cache.spec().format;
  const int64_t bytes = cache.spec().element_bytes();
  const std::byte* block = cache.block(a.layer, *task.rows, begin);
  const std::byte* keys = block + task.kv_head * d * kTokens * bytes;
  const std::byte* values = block + (a.kv_heads + task.kv_head) * kTokens * d * bytes;
  if (!widened && d % 16 == 0) return {keys, values, *cpu::float_format(format), d};
  const int64_t stride = round_up(d, 16);
  float* wide_keys = resized(keys_, d * kTokens);
  float* wide_values = resized(values_, stride * kTokens);
  cpu::widen(kernels, format, keys, d * kTokens, wide_keys);
  for (int64_t p = 0; p < held; ++p) {
    cpu::widen(kernels, format, values + p * d * bytes, d, wide_values + p * stride);
  }
  return {wide_keys, wide_values, FloatFormat::f32, stride};
}

// The queries of a task, [count * group] rows: query-major, then the heads of the group.
class QueryTile {
 public:
  QueryTile(const KernelTable& kernels, const AttendGqa& a, const Task& task)
      : kernels_(kernels),
        a_(a),
        task_(task),
        group_(a.heads / a.kv_heads),
        width_(round_up(a.head_dim, 16)) {
    thread_local cpu::Floats queries, scores, mix;
    thread_local std::vector<SoftmaxState> states;
    const int64_t rows = task.count * group_;
    queries_ = resized(queries, rows * a.head_dim);
    for (int64_t q = 0; q < task.count; ++q) {
      std::copy_n(a.q.f32_row(row_of(q)) + task.kv_head * group_ * a.head_dim, group_ * a.head_dim,
                  queries_ + q * group_ * a.head_dim);
    }
    scores_ = resized(scores, rows * kTokens);
    mix_ = resized(mix, rows * width_);
    std::fill_n(mix_, rows * width_, 0.0f);
    states_ = resized(states, rows);
    std::fill_n(states_, rows, SoftmaxState{-std::numeric_limits<float>::infinity(), 0});
  }

  int64_t rows() const { return task_.count * group_; }

  void add(const BlockView& block, int64_t begin) {
    // Queries before `first` see nothing of this block.
    const int64_t first = std::max<int64_t>(0, begin - task_.rows->start - task_.first);
    const int64_t row = first * group_;
    float* scores = scores_ + row * kTokens;
    kernels_.float_gemm({queries_ + row * a_.head_dim, a_.head_dim, 1, rows() - row, a_.head_dim,
                         block.keys, block.format, kTokens, 16, kTokens / 16, scores, kTokens, 16,
                         false});
    for (int64_t r = row; r < rows(); ++r) {
      const int64_t position = task_.rows->start + task_.first + r / group_;
      const float shrink =
          kernels_.softmax_row(scores_ + r * kTokens, cpu::visible(begin, position),
                               static_cast<float>(a_.scale), states_ + r);
      if (shrink != 1) kernels_.scale(shrink, mix_ + r * width_, width_);
    }
    const int64_t last = task_.rows->start + task_.first + task_.count - 1;
    kernels_.float_gemm({scores, kTokens, 1, rows() - row, cpu::visible(begin, last), block.values,
                         block.format, block.value_stride, 16, width_ / 16, mix_ + row * width_,
                         width_, 16, true});
  }

  void finish() {
    for (int64_t r = 0; r < rows(); ++r) {
      float* out =
          a_.out.f32_row(row_of(r / group_)) + (task_.kv_head * group_ + r % group_) * a_.head_dim;
      kernels_.scale(1 / states_[r].sum, mix_ + r * width_, width_);
      std::copy_n(mix_ + r * width_, a_.head_dim, out);
    }
  }

 private:
  int64_t row_of(int64_t q) const { return task_.rows->first_row + task_.first + q; }

  const KernelTable& kernels_;
  const AttendGqa& a_;
  const Task& task_;
  int64_t group_;
  int64_t width_;   // head_dim in whole chunks
  float* queries_;  // [rows, head_dim]
  float* scores_;   // [rows, 64]
  float* mix_;      // [rows, width]
  SoftmaxState* states_;
};

void attend_task(const KernelTable& kernels, const AttendGqa& a, const Task& task,
                 const KvCache& cache) {
  QueryTile queries(kernels, a, task);
  const int64_t last = task.rows->start + task.first + task.count - 1;
  for (int64_t begin = 0; begin <= last; begin += kTokens) {
    const int64_t held = cpu::visible(begin, last);
    queries.add(view_block(kernels, a, cache, task, begin, held, queries.rows() >= kWidenFrom),
                begin);
  }
  queries.finish();
}

}  // namespace

void CpuBackend::attend_gqa(const AttendGqa& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    pool_.parallel_for(rows.rows, [&](int64_t i) { store_row(args, rows, i, cache); });
  }
  const std::span<const Task> tasks = tasks_of(args, batch);
  pool_.parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
    attend_task(kernels_, args, tasks[static_cast<size_t>(i)], cache);
  });
}

}  // namespace hearth
