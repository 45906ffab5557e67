// Conformance cases of grouped-query attention: as those of latents (conformance_mla_test.cc),
// with histories around the borders where generated rows cut them.
#include <algorithm>
#include <cmath>

#include "hearth/backend/conformance_attention.h"

namespace hearth::conformance {
namespace {

struct GqaShape {
  int64_t heads, kv_heads, head_dim;
  std::span<const Part> parts;
  RopePairs pairs;
};
constexpr GqaShape kGqa[] = {
    {1, 1, 2, kFew, RopePairs::halves},
    {6, 2, 18, kMixed, RopePairs::interleaved},
    {4, 4, 34, kMixed, RopePairs::halves},
    {6, 2, 16, kLong, RopePairs::halves},
};
constexpr GqaShape kGqaInBlocks[] = {
    {1, 1, 32, kFew, RopePairs::halves},
    {6, 2, 96, kMixed, RopePairs::interleaved},
    {6, 2, 64, kLong, RopePairs::halves},
};

std::vector<double> gqa_bound(const AttendGqa& a, const Setting& s, const SequenceRows& rows) {
  const auto history = history_of(s, rows);
  const int64_t d = a.head_dim;
  std::vector<double> bound;
  for (int64_t i = 0; i < rows.rows; ++i) {
    for (int64_t h = 0; h < a.heads; ++h) {
      const int64_t kv = h / (a.heads / a.kv_heads) * d;
      const float* q = a.q.f32_row(rows.first_row + i) + h * d;
      std::vector<double> scores;
      double error = 0;
      for (int64_t p = 0; p <= rows.start + i; ++p) {
        const float* k = history[static_cast<size_t>(p)].data() + kv;
        scores.push_back(a.scale * dot(q, k, d));
        double one = (static_cast<double>(d) + 4) * kUnit * magnitude(q, k, d);
        if (s.cache.spec().in_blocks()) one += rounded_query_error(q, k, d);
        error = std::max(error, a.scale * one);
      }
      const Softmax softmax(std::move(scores), error);
      for (int64_t v = a.kv_heads * d + kv; v < a.kv_heads * d + kv + d; ++v) {
        double mass = 0;
        for (size_t p = 0; p < softmax.p.size(); ++p) {
          mass += softmax.p[p] * std::abs(history[p][static_cast<size_t>(v)]);
        }
        bound.push_back(softmax.relative_error * mass);
      }
    }
  }
  return bound;
}

Units attend_gqa_of(const GqaShape& shape, const Run& run) {
  const int64_t kv_width = shape.kv_heads * shape.head_dim;
  Setting s(shape.parts, run.only, 2 * kv_width, run.format, shape.kv_heads);
  const int64_t rows = total_rows(shape.parts);
  const Rope rope = Rope::plain(shape.head_dim, 10000, shape.pairs);
  const Matrix q = s.pick(Matrix(rows, shape.heads * shape.head_dim, 1));
  const Matrix k = s.pick(Matrix(rows, kv_width, 2));
  const Matrix v = s.pick(Matrix(rows, kv_width, 3));
  const Matrix out(s.batch.rows(), shape.heads * shape.head_dim);
  AttendGqa a;
  a.q = q.tensor;
  a.k = k.tensor;
  a.v = v.tensor;
  a.out = out.tensor;
  a.layer = kLayer;
  a.heads = shape.heads;
  a.kv_heads = shape.kv_heads;
  a.head_dim = shape.head_dim;
  a.scale = 1 / std::sqrt(static_cast<double>(shape.head_dim));
  a.rope = &rope;
  run.backend.attend_gqa(a, s.batch, s.cache);
  Units units;
  for (size_t i = 0; i < s.batch.sequences.size(); ++i) {
    std::vector<double> bound;
    if (run.bounds) bound = gqa_bound(a, s, s.batch.sequences[i]);
    collect(s, i, out, run.bounds ? &bound : nullptr, units);
  }
  return units;
}

Units attend_gqa(const Run& run) {
  return attend_gqa_of(kGqa[run.shape], run);
}
Units attend_gqa_in_blocks(const Run& run) {
  return attend_gqa_of(kGqaInBlocks[run.shape], run);
}

constexpr Format kBlockFormats[] = {Format::q8_0};
constexpr VerbCase kCases[] = {
    {"attend_gqa", attend_gqa, kKvFormats, std::size(kGqa)},
    {"attend_gqa", attend_gqa_in_blocks, kBlockFormats, std::size(kGqaInBlocks)},
};

}  // namespace

std::span<const VerbCase> gqa_cases() {
  return kCases;
}

}  // namespace hearth::conformance
