// Multi-head latent attention on the CPU (DeepSeek-V2, section 2.1).
//   prompt rows     expanded: keys and values of a head are made from the latents, block by block,
//                   and serve all queries of the chunk
//   generated rows  absorbed: the query is carried into the space of the latents and attends there,
//                   one latent serves all heads
// The two agree to rounding; which one runs is decided by the role of the row alone.
#include <algorithm>
#include <span>
#include <vector>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/matmul.h"
#include "hearth/backend/cpu/ops/online_softmax.h"
#include "hearth/backend/reference/scalar.h"

namespace hearth {
namespace {

using cpu::decode_rows;
using cpu::KernelTable;
using cpu::OnlineSoftmax;
using cpu::resized;

constexpr int64_t kHeadsPerTask = 4;  // heads that share one pass over the latents when absorbed

int64_t qk_head_dim(const AttendMla& a) {
  return a.qk_nope_head_dim + a.qk_rope_head_dim;
}

void store_row(const AttendMla& a, const SequenceRows& rows, int64_t i, const KvCache& cache) {
  const int64_t t = rows.first_row + i;
  thread_local std::vector<float> cos, sin;
  a.rope->angles(rows.start + i, resized(cos, a.rope->dims / 2), resized(sin, a.rope->dims / 2));
  for (int64_t h = 0; h < a.heads; ++h) {
    a.rope->rotate(a.q.f32_row(t) + h * qk_head_dim(a) + a.qk_nope_head_dim, cos.data(),
                   sin.data());
  }
  float* kv = a.kv.f32_row(t);
  reference::rms_norm(kv, a.kv_lora_rank, *a.kv_a_norm, kv);
  a.rope->rotate(kv + a.kv_lora_rank, cos.data(), sin.data());
  cache.store(a.layer, rows, rows.start + i, kv);
}

// keys [positions, qk_head_dim] and values [positions, v_head_dim] of one head from latents
// [positions, kv_lora_rank + qk_rope_head_dim].
void expand(const KernelTable& kernels, const AttendMla& a, int64_t head, const float* latents,
            int64_t positions, float* keys, float* values) {
  thread_local std::vector<float> scratch;
  const int64_t rank = a.kv_lora_rank;
  const int64_t width = rank + a.qk_rope_head_dim;
  const int64_t qk = qk_head_dim(a);
  if (a.k_b_transposed) {
    const float* k_b =
        decode_rows(kernels, a.k_b.weight->tensor, a.k_b.row(head, 0), rank, scratch);
    for (int64_t p = 0; p < positions; ++p) {
      std::fill_n(keys + p * qk, a.qk_nope_head_dim, 0.0f);
      for (int64_t r = 0; r < rank; ++r) {
        kernels.axpy(latents[p * width + r], k_b + r * a.qk_nope_head_dim, keys + p * qk,
                     a.qk_nope_head_dim);
      }
    }
  } else {
    const float* k_b =
        decode_rows(kernels, a.k_b.weight->tensor, a.k_b.row(head, 0), a.qk_nope_head_dim, scratch);
    kernels.dot_tile(k_b, rank, a.qk_nope_head_dim, latents, width, positions, rank, keys, qk);
  }
  for (int64_t p = 0; p < positions; ++p) {
    std::copy_n(latents + p * width + rank, a.qk_rope_head_dim, keys + p * qk + a.qk_nope_head_dim);
  }
  const float* v_b =
      decode_rows(kernels, a.v_b.weight->tensor, a.v_b.row(head, 0), a.v_head_dim, scratch);
  kernels.dot_tile(v_b, rank, a.v_head_dim, latents, width, positions, rank, values, a.v_head_dim);
}

void attend_expanded(const KernelTable& kernels, const AttendMla& a, const SequenceRows& rows,
                     int64_t head, const KvCache& cache) {
  const int64_t qk = qk_head_dim(a);
  const int64_t v = a.v_head_dim;
  const int64_t width = a.kv_lora_rank + a.qk_rope_head_dim;
  thread_local std::vector<float> latents_, keys_, values_;
  thread_local std::vector<OnlineSoftmax> state;
  float* latents = resized(latents_, kKvBlockTokens * width);
  float* keys = resized(keys_, kKvBlockTokens * qk);
  float* values = resized(values_, kKvBlockTokens * v);
  state.assign(static_cast<size_t>(rows.rows), {});
  const auto out_of = [&](int64_t q) { return a.out.f32_row(rows.first_row + q) + head * v; };
  for (int64_t q = 0; q < rows.rows; ++q) std::fill_n(out_of(q), v, 0.0f);
  for (int64_t begin = 0; begin < rows.end(); begin += kKvBlockTokens) {
    const int64_t held = cpu::visible(begin, rows.end() - 1);
    cpu::widen(kernels, cache.spec().format, cache.block(a.layer, rows, begin), held * width,
               latents);
    expand(kernels, a, head, latents, held, keys, values);
    for (int64_t q = std::max<int64_t>(0, begin - rows.start); q < rows.rows; ++q) {
      const int64_t seen = cpu::visible(begin, rows.start + q);
      float scores[kKvBlockTokens];
      kernels.dot_tile(keys, qk, seen, a.q.f32_row(rows.first_row + q) + head * qk, qk, 1, qk,
                       scores, seen);
      kernels.scale(static_cast<float>(a.scale), scores, seen);
      state[static_cast<size_t>(q)].add(kernels, scores, seen, values, v, v, out_of(q));
    }
  }
  for (int64_t q = 0; q < rows.rows; ++q) {
    state[static_cast<size_t>(q)].finish(kernels, out_of(q), v);
  }
}

// The query of one head in latent space: k_b^T q_nope, then q_rope.  absorbed [rank + rope]
void absorb_query(const KernelTable& kernels, const AttendMla& a, int64_t head, const float* q,
                  float* absorbed) {
  thread_local std::vector<float> scratch;
  const int64_t rank = a.kv_lora_rank;
  const int64_t nope = a.qk_nope_head_dim;
  const Tensor& w = a.k_b.weight->tensor;
  if (a.k_b_transposed) {
    const float* k_b = decode_rows(kernels, w, a.k_b.row(head, 0), rank, scratch);
    kernels.dot_tile(k_b, nope, rank, q, nope, 1, nope, absorbed, rank);
  } else {
    const float* k_b = decode_rows(kernels, w, a.k_b.row(head, 0), nope, scratch);
    std::fill_n(absorbed, rank, 0.0f);
    for (int64_t d = 0; d < nope; ++d) kernels.axpy(q[d], k_b + d * rank, absorbed, rank);
  }
  std::copy_n(q + nope, a.qk_rope_head_dim, absorbed + rank);
}

// Heads [first, first + count) of one generated row.
void attend_absorbed(const KernelTable& kernels, const AttendMla& a, const SequenceRows& rows,
                     int64_t row, int64_t first, int64_t count, const KvCache& cache) {
  thread_local std::vector<float> latents_, queries_, mixed_, scratch;
  const int64_t rank = a.kv_lora_rank;
  const int64_t width = rank + a.qk_rope_head_dim;
  float* latents = resized(latents_, kKvBlockTokens * width);
  float* queries = resized(queries_, count * width);
  float* mixed = resized(mixed_, count * rank);
  std::fill_n(mixed, count * rank, 0.0f);
  const float* q = a.q.f32_row(rows.first_row + row);
  for (int64_t h = 0; h < count; ++h) {
    absorb_query(kernels, a, first + h, q + (first + h) * qk_head_dim(a), queries + h * width);
  }
  OnlineSoftmax state[kHeadsPerTask];
  const int64_t position = rows.start + row;
  for (int64_t begin = 0; begin <= position; begin += kKvBlockTokens) {
    const int64_t seen = cpu::visible(begin, position);
    cpu::widen(kernels, cache.spec().format, cache.block(a.layer, rows, begin), seen * width,
               latents);
    for (int64_t h = 0; h < count; ++h) {
      float scores[kKvBlockTokens];
      kernels.dot_tile(latents, width, seen, queries + h * width, width, 1, width, scores, seen);
      kernels.scale(static_cast<float>(a.scale), scores, seen);
      state[h].add(kernels, scores, seen, latents, width, rank, mixed + h * rank);
    }
  }
  float* out = a.out.f32_row(rows.first_row + row);
  for (int64_t h = 0; h < count; ++h) {
    state[h].finish(kernels, mixed + h * rank, rank);
    const float* v_b =
        decode_rows(kernels, a.v_b.weight->tensor, a.v_b.row(first + h, 0), a.v_head_dim, scratch);
    kernels.dot_tile(v_b, rank, a.v_head_dim, mixed + h * rank, rank, 1, rank,
                     out + (first + h) * a.v_head_dim, a.v_head_dim);
  }
}

struct Task {
  const SequenceRows* rows;
  int64_t row;           // of a generated row; -1: all rows of a prompt
  int64_t first, count;  // heads
};

// The tasks of a batch, in memory of the calling thread that its next call takes again.
std::span<const Task> cut(const AttendMla& a, const Batch& batch) {
  thread_local std::vector<Task> tasks;
  tasks.clear();
  for (const SequenceRows& rows : batch.sequences) {
    if (rows.role == Role::prompt) {
      for (int64_t h = 0; h < a.heads; ++h) tasks.push_back({&rows, -1, h, 1});
      continue;
    }
    for (int64_t i = 0; i < rows.rows; ++i) {
      for (int64_t h = 0; h < a.heads; h += kHeadsPerTask) {
        tasks.push_back({&rows, i, h, std::min(kHeadsPerTask, a.heads - h)});
      }
    }
  }
  return tasks;
}

}  // namespace

void CpuBackend::attend_mla(const AttendMla& args, const Batch& batch, KvCache& cache) {
  for (const SequenceRows& rows : batch.sequences) {
    pool_.parallel_for(rows.rows, [&](int64_t i) { store_row(args, rows, i, cache); });
  }
  const std::span<const Task> tasks = cut(args, batch);
  pool_.parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
    const Task& task = tasks[static_cast<size_t>(i)];
    if (task.row < 0) {
      attend_expanded(kernels_, args, *task.rows, task.first, cache);
    } else {
      attend_absorbed(kernels_, args, *task.rows, task.row, task.first, task.count, cache);
    }
  });
}

}  // namespace hearth
