// MLA for generated rows, in three parallel passes: queries into the space of the latents; scores
// and mix of latents for 512 positions at a time, 16 heads across lanes and all heads for each
// block that is read; merge of the segments and the way back into the space of the values.
#include <cstring>

#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/lane_softmax.h"
#include "hearth/backend/cpu/ops/mla.h"
#include "hearth/backend/latent_layout.h"

namespace hearth::cpu {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kTokens = kKvBlockTokens;

int64_t head_groups(const AttendMla& a) {
  return ceil_div(a.heads, kLanes);
}
int64_t mix_width(const AttendMla& a) {
  return round_up(a.kv_lora_rank, kLanes);
}

// One row of floats as a map wants it.
Activations one_row(const KernelTable& kernels, float* x, int64_t n, const HeadMap& map) {
  thread_local std::vector<std::byte> bytes;
  Activations row;
  row.f32 = Tensor::packed(Format::f32, {1, n}, reinterpret_cast<std::byte*>(x));
  if (wants_eight_bits(map.weight)) {
    row.q = quantized_planes(1, n, resized(bytes, quantized_bytes(1, n)));
    kernels.quantize_row(x, row.q, 0);
  }
  return row;
}

// Lanes [first, kLanes).
void clear_lanes(float* queries, int64_t width, int64_t first) {
  for (int64_t i = 0; i < width; ++i) {
    std::fill(queries + i * kLanes + first, queries + (i + 1) * kLanes, 0.0f);
  }
}

// The planes of a group's queries in eight bits, in the memory that its floats would take.
struct QueryPlanes {
  uint8_t* quads;
  float* scale;
  int32_t* bias;

  QueryPlanes(float* memory, int64_t width)
      : quads(reinterpret_cast<uint8_t*>(memory)),
        scale(memory + width * kLanes / 4),
        bias(reinterpret_cast<int32_t*>(scale + width / kQuantizedBlock * kLanes)) {}

  void put(const KernelTable& kernels, const float* x, int64_t width, int64_t lane) {
    thread_local std::vector<std::byte> bytes;
    const QuantizedRows row = quantized_planes(1, width, resized(bytes, quantized_bytes(1, width)));
    kernels.quantize_row(x, row, 0);
    for (int64_t i = 0; i < width; i += 4) {
      std::memcpy(quads + i * kLanes + lane * 4, row.q + i, 4);
    }
    for (int64_t b = 0; b < row.blocks; ++b) {
      scale[b * kLanes + lane] = row.scale[b];
      bias[b * kLanes + lane] = row.bias32[b];
    }
  }
};

}  // namespace

float* AbsorbedAttention::query(const AttendMla& a, int64_t row, int64_t head_group) {
  return queries_.data() + (row * head_groups(a) + head_group) * latent_width(a) * kLanes;
}

float* AbsorbedAttention::state(const AttendMla& a, int64_t segment, int64_t head_group) {
  return states_.data() +
         (segment * head_groups(a) + head_group) * LaneSoftmax::floats(kLanes, mix_width(a));
}

void AbsorbedAttention::run(const KernelTable& kernels, ThreadPool& pool, const AttendMla& a,
                            const Batch& batch, const KvCache& cache) {
  rows_.clear();
  row_of_segment_.clear();
  int64_t positions = 0;
  for (const SequenceRows& rows : batch.sequences) {
    if (rows.role != Role::generated) continue;
    for (int64_t i = 0; i < rows.rows; ++i) {
      const auto segment = static_cast<int64_t>(row_of_segment_.size());
      positions += rows.start + i + 1;
      rows_.push_back({&rows, rows.start + i, rows.first_row + i, segment});
      row_of_segment_.resize(row_of_segment_.size() +
                                 static_cast<size_t>(ceil_div(rows.start + i + 1, kLatentSegment)),
                             static_cast<int64_t>(rows_.size()) - 1);
    }
  }
  if (rows_.empty()) return;
  const auto count = static_cast<int64_t>(rows_.size());
  const auto segments = static_cast<int64_t>(row_of_segment_.size());
  resized(queries_, count * head_groups(a) * latent_width(a) * kLanes);
  resized(states_, segments * head_groups(a) * LaneSoftmax::floats(kLanes, mix_width(a)));
  pool.parallel_for(
      count * head_groups(a) * kLanes,
      [&](int64_t task) {
        absorb(kernels, a, task / (head_groups(a) * kLanes), task % (head_groups(a) * kLanes),
               cache.spec().in_blocks());
      },
      absorbing_work(a, count, a.qk_nope_head_dim));
  const int64_t shares = latent_shares(segments, head_groups(a), pool.threads());
  pool.parallel_for(
      segments * shares,
      [&](int64_t task) {
        const int64_t share = task % shares;
        attend(kernels, a, task / shares, head_groups(a) * share / shares,
               head_groups(a) * (share + 1) / shares, cache);
      },
      positions * head_groups(a) * kLanes * latent_width(a));
  pool.parallel_for(
      count * a.heads, [&](int64_t task) { merge(kernels, a, task / a.heads, task % a.heads); },
      absorbing_work(a, count, a.v_head_dim));
}

// A lane of the row's queries: keys^T q, then the rotated part; lanes without a head are zero.
void AbsorbedAttention::absorb(const KernelTable& kernels, const AttendMla& a, int64_t row,
                               int64_t head, bool eight_bits) {
  thread_local Floats carried_;
  const int64_t width = latent_width(a);
  if (head >= a.heads && !eight_bits) {  // all of them by the first
    if (head == a.heads) clear_lanes(query(a, row, head / kLanes), width, head % kLanes);
    return;
  }
  float* carried = resized(carried_, round_up(width, kPairRows));
  if (head < a.heads) {
    float* q = a.q.f32_row(rows_[static_cast<size_t>(row)].row) + head * qk_head_dim(a);
    const HeadMap& map = maps_of(a).queries;
    map.multiply(kernels, head, one_row(kernels, q, a.qk_nope_head_dim, map), 1, carried);
    std::copy_n(q + a.qk_nope_head_dim, a.qk_rope_head_dim, carried + a.kv_lora_rank);
  } else {
    std::fill_n(carried, width, 0.0f);
  }
  float* queries = query(a, row, head / kLanes);
  const int64_t lane = head % kLanes;
  if (eight_bits) {
    QueryPlanes(queries, width).put(kernels, carried, width, lane);
  } else {
    for (int64_t i = 0; i < width; ++i) queries[i * kLanes + lane] = carried[i];
  }
}

void AbsorbedAttention::attend(const KernelTable& kernels, const AttendMla& a, int64_t segment,
                               int64_t group_begin, int64_t group_end, const KvCache& cache) {
  thread_local Floats latents_;
  alignas(64) float scores[kTokens * kLanes];
  const int64_t row = row_of_segment_[static_cast<size_t>(segment)];
  const Row& of = rows_[static_cast<size_t>(row)];
  const int64_t width = latent_width(a);
  // The mix reads whole chunks: a rank that ends inside one takes rotated parts along, unused.
  float* latents = resized(latents_, kTokens * width + kLanes);
  for (int64_t group = group_begin; group < group_end; ++group) {
    LaneSoftmax(state(a, segment, group), kLanes, mix_width(a)).reset();
  }
  const int64_t first = (segment - of.segment) * kLatentSegment;
  const int64_t end = std::min(first + kLatentSegment, of.position + 1);
  for (int64_t begin = first; begin < end; begin += kTokens) {
    const int64_t count = visible(begin, end - 1);
    const std::byte* block = cache.block(a.layer, *of.rows, begin);
    widen_latents(kernels, cache.spec(), block, count, latents);
    int32_t hidden[kLanes];
    std::fill_n(hidden, kLanes, static_cast<int32_t>(count));
    for (int64_t group = group_begin; group < group_end; ++group) {
      float* queries = query(a, row, group);
      if (cache.spec().in_blocks()) {
        const QueryPlanes planes(queries, width);
        kernels.score_latents(latent_block(kernels, cache.spec(), block, count),
                              {planes.quads, planes.scale, planes.bias}, scores);
      } else {
        kernels.float_gemm({latents, width, 1, count, width, queries, FloatFormat::f32, kLanes, 0,
                            1, scores, kLanes, 0, false});
      }
      LaneSoftmax softmax(state(a, segment, group), kLanes, mix_width(a));
      softmax.add(kernels, scores, count, static_cast<float>(a.scale), hidden,
                  std::min(kLanes, a.heads - group * kLanes), {latents, width, kLanes});
    }
  }
}

void AbsorbedAttention::merge(const KernelTable& kernels, const AttendMla& a, int64_t row,
                              int64_t head) {
  thread_local Floats out_;
  const Row& of = rows_[static_cast<size_t>(row)];
  const int64_t group = head / kLanes;
  const int64_t lane = head % kLanes;
  const LaneSoftmax all(state(a, of.segment, group), kLanes, mix_width(a));
  float* mix = all.mix + lane * all.width;
  SoftmaxState total{all.top[lane], all.sum[lane]};
  for (int64_t s = 1; s < ceil_div(of.position + 1, kLatentSegment); ++s) {
    const LaneSoftmax part(state(a, of.segment + s, group), kLanes, mix_width(a));
    kernels.merge_softmax(&total, mix, {part.top[lane], part.sum[lane]},
                          part.mix + lane * part.width, all.width);
  }
  kernels.scale(1 / total.sum, mix, all.width);
  const HeadMap& map = maps_of(a).values;
  float* out = resized(out_, round_up(a.v_head_dim, kPairRows));
  map.multiply(kernels, head, one_row(kernels, mix, a.kv_lora_rank, map), 1, out);
  std::copy_n(out, a.v_head_dim, a.out.f32_row(of.row) + head * a.v_head_dim);
}

}  // namespace hearth::cpu
