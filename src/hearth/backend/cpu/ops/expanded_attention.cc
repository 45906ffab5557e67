// MLA for prompt rows: a head's keys and values of 64 positions are expanded from the latents and
// serve all queries of the chunk, in tiles of 32 across lanes.
#include "hearth/backend/cpu/ops/kv_block.h"
#include "hearth/backend/cpu/ops/lane_softmax.h"
#include "hearth/backend/cpu/ops/mla.h"

namespace hearth::cpu {
namespace {

constexpr int64_t kTile = LaneSoftmax::kLanesMax;  // queries
constexpr int64_t kTokens = kKvBlockTokens;

// The latents of a block in float, and in eight bits where the maps are integers.
Activations read_latents(const KernelTable& kernels, const AttendMla& a, const KvCache& cache,
                         const std::byte* block, int64_t count) {
  thread_local Floats floats;
  thread_local std::vector<std::byte> bytes;
  const int64_t width = latent_width(a);
  Activations x;
  float* data = resized(floats, kTokens * width);
  widen_latents(kernels, cache.spec(), block, count, data);
  x.f32 = Tensor::packed(Format::f32, {count, width}, reinterpret_cast<std::byte*>(data));
  if (wants_eight_bits(maps_of(a).keys.weight) || wants_eight_bits(maps_of(a).values.weight)) {
    const int64_t rank = a.kv_lora_rank;
    x.q = quantized_planes(count, rank, resized(bytes, quantized_bytes(count, rank)));
    for (int64_t p = 0; p < count; ++p) kernels.quantize_row(x.f32.f32_row(p), x.q, p);
  }
  return x;
}

// Keys [count][qk_head_dim] of a head: expanded from the latents, then the shared rotated part.
void expand_keys(const KernelTable& kernels, const AttendMla& a, int64_t head,
                 const Activations& latents, int64_t count, float* keys) {
  thread_local Floats expanded_;
  const int64_t nope = a.qk_nope_head_dim;
  float* expanded = resized(expanded_, round_up(nope, kPairRows) * count);
  maps_of(a).keys.multiply(kernels, head, latents, count, expanded);
  for (int64_t p = 0; p < count; ++p) {
    float* key = keys + p * qk_head_dim(a);
    for (int64_t i = 0; i < nope; i += kGroupRows) {
      std::copy_n(expanded + (i / kGroupRows * count + p) * kGroupRows,
                  std::min(kGroupRows, nope - i), key + i);
    }
    std::copy_n(latents.f32.f32_row(p) + a.kv_lora_rank, a.qk_rope_head_dim, key + nope);
  }
}

// Queries [first, first + 32) of the chunk as [qk_head_dim][32]; lanes without a query are zero.
void transpose_queries(const AttendMla& a, const SequenceRows& rows, int64_t head, int64_t first,
                       float* out) {
  const int64_t dim = qk_head_dim(a);
  std::fill_n(out, dim * kTile, 0.0f);
  for (int64_t lane = 0; lane < std::min(kTile, rows.rows - first); ++lane) {
    const float* q = a.q.f32_row(rows.first_row + first + lane) + head * dim;
    for (int64_t i = 0; i < dim; ++i) out[i * kTile + lane] = q[i];
  }
}

// One tile of queries meets one block of keys and values.
void add_block(const KernelTable& kernels, const AttendMla& a, const SequenceRows& rows,
               int64_t first, int64_t begin, int64_t count, const float* queries, const float* keys,
               const float* values, LaneSoftmax& softmax) {
  alignas(64) float scores[kTokens * kTile];
  const int64_t dim = qk_head_dim(a);
  const int64_t used = std::min(kTile, rows.rows - first);
  kernels.float_gemm({keys, dim, 1, count, dim, queries, FloatFormat::f32, kTile, 16, kTile / 16,
                      scores, kTile, 16, false});
  int32_t hidden[kTile];
  for (int64_t lane = 0; lane < kTile; ++lane) {
    const int64_t position = rows.start + first + std::min(lane, used - 1);
    hidden[lane] = static_cast<int32_t>(std::clamp<int64_t>(position + 1 - begin, 0, count));
  }
  softmax.add(kernels, scores, count, static_cast<float>(a.scale), hidden, used,
              {values, kGroupRows, count * kGroupRows});
}

}  // namespace

void attend_expanded(const KernelTable& kernels, const AttendMla& a, const SequenceRows& rows,
                     int64_t head, const KvCache& cache) {
  thread_local Floats keys_, values_, queries_, states_;
  const int64_t dim = qk_head_dim(a);
  const int64_t width = round_up(a.v_head_dim, kPairRows);
  const int64_t tiles = ceil_div(rows.rows, kTile);
  const int64_t state_floats = LaneSoftmax::floats(kTile, width);
  float* keys = resized(keys_, kTokens * dim);
  float* values = resized(values_, kTokens * width);
  float* queries = resized(queries_, tiles * dim * kTile);
  float* states = resized(states_, tiles * state_floats);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    transpose_queries(a, rows, head, tile * kTile, queries + tile * dim * kTile);
    LaneSoftmax(states + tile * state_floats, kTile, width).reset();
  }
  for (int64_t begin = 0; begin < rows.end(); begin += kTokens) {
    const int64_t count = visible(begin, rows.end() - 1);
    const Activations latents =
        read_latents(kernels, a, cache, cache.block(a.layer, rows, begin), count);
    expand_keys(kernels, a, head, latents, count, keys);
    maps_of(a).values.multiply(kernels, head, latents, count, values);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t last = std::min(rows.rows, (tile + 1) * kTile) - 1;
      if (rows.start + last < begin) continue;
      LaneSoftmax softmax(states + tile * state_floats, kTile, width);
      add_block(kernels, a, rows, tile * kTile, begin, count, queries + tile * dim * kTile, keys,
                values, softmax);
    }
  }
  for (int64_t q = 0; q < rows.rows; ++q) {
    const LaneSoftmax softmax(states + q / kTile * state_floats, kTile, width);
    float* mix = softmax.mix + q % kTile * width;
    kernels.scale(1 / softmax.sum[q % kTile], mix, width);
    std::copy_n(mix, a.v_head_dim, a.out.f32_row(rows.first_row + q) + head * a.v_head_dim);
  }
}

}  // namespace hearth::cpu
