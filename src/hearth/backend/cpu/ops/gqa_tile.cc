// See gqa_tile.h. Keys lie transposed: scores have positions across lanes, the mix has dimensions
// across lanes, and neither needs a sum over lanes.
#include "hearth/backend/cpu/ops/gqa_tile.h"

#include <limits>

namespace hearth::cpu {
namespace {

constexpr int64_t kTokens = kKvBlockTokens;
// From so many rows on, a block of floats is widened once; fewer read it as it lies.
constexpr int64_t kWidenFrom = 24;

}  // namespace

GqaTile::GqaTile(const KernelTable& kernels, const AttendGqa& a, const GqaTask& task,
                 const KvCache& cache, const GqaResults& results)
    : kernels_(kernels), a_(a), task_(task), cache_(cache), results_(results) {
  thread_local Floats queries, scores;
  thread_local std::vector<std::byte> bytes;
  const int64_t width = group_of(a) * a.head_dim;
  queries_ = resized(queries, task.count * width);
  for (int64_t q = 0; q < task.count; ++q) {
    std::copy_n(a.q.f32_row(task.rows->first_row + task.first + q) + task.kv_head * width, width,
                queries_ + q * width);
  }
  scores_ = resized(scores, rows() * kTokens);
  std::fill_n(results_.mix, rows() * mix_width(a), 0.0f);
  std::fill_n(results_.states, rows(), SoftmaxState{-std::numeric_limits<float>::infinity(), 0});
  if (!cache.spec().in_blocks()) return;
  quantized_ =
      quantized_planes(rows(), a.head_dim, resized(bytes, quantized_bytes(rows(), a.head_dim)));
  for (int64_t r = 0; r < rows(); ++r) {
    kernels.quantize_row(queries_ + r * a.head_dim, quantized_, r);
  }
}

void GqaTile::attend() {
  for (int64_t begin = task_.begin; begin < task_.end; begin += kTokens) add(begin);
}

void GqaTile::add(int64_t begin) {
  const std::byte* block = cache_.block(a_.layer, *task_.rows, begin);
  // Queries before `first` see nothing of this block.
  const int64_t first = std::max<int64_t>(0, begin - task_.rows->start - task_.first);
  const int64_t row = first * group_of(a_);
  const int64_t width = mix_width(a_);
  score(block, row);
  for (int64_t r = row; r < rows(); ++r) {
    const int64_t position = task_.rows->start + task_.first + r / group_of(a_);
    const float shrink = kernels_.softmax_row(scores_ + r * kTokens, visible(begin, position),
                                              static_cast<float>(a_.scale), results_.states + r);
    if (shrink != 1) kernels_.scale(shrink, results_.mix + r * width, width);
  }
  mix(block, row, visible(begin, task_.last_position()));
}

// Values are read in chunks of 16: other head sizes are widened with room at the end of each row.
bool GqaTile::widens() const {
  return rows() >= kWidenFrom || a_.head_dim % 16 != 0;
}

// Of rows from `row` on.
void GqaTile::score(const std::byte* block, int64_t row) {
  thread_local Floats wide_;
  const KvSpec& spec = cache_.spec();
  const int64_t d = a_.head_dim;
  const std::byte* keys = block + task_.kv_head * spec.head_bytes();
  if (spec.in_blocks()) return score_eight_bits(keys);
  const void* b = keys;
  if (widens()) {
    float* wide = resized(wide_, d * kTokens);
    widen(kernels_, spec.format, keys, d * kTokens, wide);
    b = wide;
  }
  kernels_.float_gemm({queries_ + row * d, d, 1, rows() - row, d, b,
                       widens() ? FloatFormat::f32 : *float_format(spec.format), kTokens, 16,
                       kTokens / 16, scores_ + row * kTokens, kTokens, 16, false});
}

// Of all rows: the planes of quantised queries are read as one.
void GqaTile::score_eight_bits(const std::byte* keys) {
  thread_local Floats lanes_;
  constexpr int64_t kPair = 2;  // groups of 16 positions
  const auto multiply = kernels_.multiply_packed[static_cast<size_t>(PackedFormat::q8_0)];
  const int64_t stride = cache_.spec().head_bytes() * kGroupRows / kTokens;
  float* lanes = resized(lanes_, kPair * rows() * kGroupRows);
  for (int64_t group = 0; group < kTokens / kGroupRows; group += kPair) {
    multiply(reinterpret_cast<const uint8_t*>(keys + group * stride), kPair, stride, quantized_,
             lanes);
    for (int64_t g = 0; g < kPair; ++g) {
      for (int64_t r = 0; r < rows(); ++r) {
        std::copy_n(lanes + (g * rows() + r) * kGroupRows, kGroupRows,
                    scores_ + r * kTokens + (group + g) * kGroupRows);
      }
    }
  }
}

void GqaTile::mix(const std::byte* block, int64_t row, int64_t seen) {
  thread_local Floats wide_;
  const KvSpec& spec = cache_.spec();
  const int64_t d = a_.head_dim;
  const int64_t width = mix_width(a_);
  const std::byte* values = block + (a_.kv_heads + task_.kv_head) * spec.head_bytes();
  if (spec.in_blocks()) return mix_eight_bits(values, row, seen);
  const void* b = values;
  if (widens()) {
    float* wide = resized(wide_, width * kTokens);
    for (int64_t p = 0; p < seen; ++p) {
      widen(kernels_, spec.format, values + p * d * spec.element_bytes(), d, wide + p * width);
    }
    b = wide;
  }
  kernels_.float_gemm({scores_ + row * kTokens, kTokens, 1, rows() - row, seen, b,
                       widens() ? FloatFormat::f32 : *float_format(spec.format), width, 16,
                       width / 16, results_.mix + row * width, width, 16, true});
}

// Whole numbers times weights that hold their scale, 32 dimensions at a time.
void GqaTile::mix_eight_bits(const std::byte* values, int64_t row, int64_t seen) {
  thread_local Floats weights_;
  alignas(64) float scale[kTokens];
  const int64_t d = a_.head_dim;
  float* weights = resized(weights_, rows() * kTokens);
  const auto* scales = reinterpret_cast<const uint16_t*>(values + kTokens * d);
  for (int64_t i = 0; i < d; i += kQuantizedBlock) {
    kernels_.widen_f16(scales + i / kQuantizedBlock * kTokens, scale, kTokens);
    for (int64_t r = row; r < rows(); ++r) {
      kernels_.product(scores_ + r * kTokens, scale, weights + r * kTokens, kTokens);
    }
    kernels_.float_gemm({weights + row * kTokens, kTokens, 1, rows() - row, seen, values + i,
                         FloatFormat::i8, d, 16, kQuantizedBlock / 16, results_.mix + row * d + i,
                         d, 16, true});
  }
}

}  // namespace hearth::cpu
