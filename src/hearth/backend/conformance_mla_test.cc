// Conformance cases of multi-head latent attention, in both its forms: several sequences of mixed
// roles in one batch, histories that cross the borders of 64-token blocks, scattered block tables.
// A unit is a sequence: its outputs, and what it wrote to the cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hearth/backend/conformance_attention.h"
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/testing.h"

namespace hearth::conformance {
namespace {

using testing_backend::decoded_row;
using testing_backend::make_norm;
using testing_backend::make_weight;

// Multi-head latent attention --------------------------------------------------------------------

struct MlaShape {
  int64_t heads;
  int64_t rope_dims, v_head_dim;
  bool split;  // k_b and v_b apart, k_b transposed, as new GGUF files have them
  std::span<const Part> parts;
  Format kv_format;

  // A cache in q8_0 wants whole blocks of 32: `rope_dims` fills the last one up.
  bool in_blocks() const { return kv_format == Format::q8_0; }
  int64_t rank(Format weights) const {
    const bool any = format_info(weights).block_elements == 1;
    return in_blocks() && any ? 38 : width_of(weights, 0);
  }
  int64_t rope_dims_of(Format weights) const {
    return in_blocks() ? 32 - rank(weights) % 32 : rope_dims;
  }
};
constexpr MlaShape kMla[] = {
    {1, 2, 1, false, kFew, Format::f32},    {5, 6, 10, false, kMixed, Format::f16},
    {5, 6, 10, true, kMixed, Format::bf16}, {2, 4, 7, true, kFew, Format::f32},
    {3, 8, 33, false, kMixed, Format::f32}, {5, 0, 10, false, kMixed, Format::q8_0},
    {18, 0, 7, true, kFew, Format::q8_0},   {3, 4, 32, false, kMixed, Format::f16},
    {18, 4, 7, true, kFew, Format::f16},
};
// Longer histories, with the weight formats of either kind alone.
constexpr Format kLongFormats[] = {Format::f32, Format::q8_0};
constexpr MlaShape kMlaLong[] = {
    {3, 6, 10, false, kLong, Format::f16},
    {18, 0, 10, true, kLong, Format::q8_0},
};

// Weights and inputs of one MLA layer in either layout.
struct Mla {
  const MlaShape& shape;
  int64_t rank, rope_dims, nope;
  Norm kv_norm;
  Weight kv_b, k_b, v_b;
  Rope rope;
  Setting setting;
  Matrix q, kv, out;
  AttendMla args;
  std::shared_ptr<const BackendForm> maps;
  bool eight_bits = false;

  Mla(const Run& run, const MlaShape& mla_shape)
      : shape(mla_shape),
        rank(shape.rank(run.format)),
        rope_dims(shape.rope_dims_of(run.format)),
        nope(shape.split                  ? width_of(run.format, 0)
             : shape.v_head_dim % 32 == 0 ? 32  // rows lie as the kernels want them
                                          : 18),
        kv_norm(make_norm(rank, 5)),
        rope(Rope::plain(rope_dims, 10000, RopePairs::interleaved)),
        setting(shape.parts, run.only, rank + rope_dims, shape.kv_format),
        q(setting.pick(Matrix(total_rows(shape.parts), shape.heads * (nope + rope_dims), 1))),
        kv(setting.pick(Matrix(total_rows(shape.parts), rank + rope_dims, 2))),
        out(setting.batch.rows(), shape.heads * shape.v_head_dim) {
    if (shape.split) {
      k_b = make_weight(run.format, {shape.heads, rank, nope}, 6);
      v_b = make_weight(run.format, {shape.heads, shape.v_head_dim, rank}, 7);
      args.k_b = {&k_b, rank, 0};
      args.v_b = {&v_b, shape.v_head_dim, 0};
    } else {
      const int64_t per_head = nope + shape.v_head_dim;
      kv_b = make_weight(run.format, {shape.heads * per_head, rank}, 6);
      args.k_b = {&kv_b, per_head, 0};
      args.v_b = {&kv_b, per_head, nope};
    }
    args.k_b_transposed = shape.split;
    args.q = q.tensor;
    args.kv = kv.tensor;
    args.out = out.tensor;
    args.layer = kLayer;
    args.heads = shape.heads;
    args.qk_nope_head_dim = nope;
    args.qk_rope_head_dim = rope_dims;
    args.v_head_dim = shape.v_head_dim;
    args.kv_lora_rank = rank;
    args.kv_a_norm = &kv_norm;
    args.scale = 1 / std::sqrt(static_cast<double>(nope + rope_dims));
    args.rope = &rope;
    eight_bits = has_integer_kernels(run.format);
    auto made = run.backend.prepare_latents(args);
    CHECK(made.has_value());
    maps = *std::move(made);
    args.maps = maps.get();
  }
  Mla(const Mla&) = delete;

  // The unit of rounding: of floats, or where backends multiply by the expansion in integers, a
  // step of eight bits (the reference stays with floats there).
  double unit() const { return eight_bits ? 1.0 / 127 : kUnit; }

  // The factor of key dimension d and latent dimension r.
  std::vector<std::vector<float>> key_matrix(int64_t head) const {
    std::vector<std::vector<float>> k(static_cast<size_t>(nope));
    if (!args.k_b_transposed) {
      for (int64_t d = 0; d < nope; ++d) {
        k[static_cast<size_t>(d)] = decoded_row(kv_b.tensor, args.k_b.row(head, d));
      }
      return k;
    }
    for (int64_t r = 0; r < rank; ++r) {
      const auto column = decoded_row(k_b.tensor, args.k_b.row(head, r));
      for (size_t d = 0; d < k.size(); ++d) k[d].push_back(column[d]);
    }
    return k;
  }
};

// One head of one query: exact scores, and the largest error of a float score on either path. Two
// chained products: their terms are |q_d||K_dr||c_r|, rounded in chains of nope and of rank.
Softmax mla_softmax(const Mla& m, const std::vector<std::vector<float>>& k, const float* q,
                    const std::vector<std::vector<float>>& history, int64_t seen) {
  const auto rank = static_cast<size_t>(m.rank);
  std::vector<double> absorbed(rank), absorbed_magnitude(rank);
  for (size_t r = 0; r < rank; ++r) {
    for (size_t d = 0; d < k.size(); ++d) {
      const double term = static_cast<double>(q[d]) * k[d][r];
      absorbed[r] += term;
      absorbed_magnitude[r] += std::abs(term);
    }
  }
  const double chain =
      static_cast<double>(m.nope + m.rank + m.rope_dims) + 2 * testing_backend::kExtra;
  std::vector<double> scores;
  double error = 0;
  std::vector<float> carried(absorbed.begin(), absorbed.end());
  carried.insert(carried.end(), q + m.nope, q + m.nope + m.rope_dims);
  for (int64_t p = 0; p < seen; ++p) {
    const float* c = history[static_cast<size_t>(p)].data();
    double score = dot(q + m.nope, c + m.rank, m.rope_dims);
    double terms = magnitude(q + m.nope, c + m.rank, m.rope_dims);
    for (size_t r = 0; r < rank; ++r) {
      score += absorbed[r] * c[r];
      terms += absorbed_magnitude[r] * std::abs(c[r]);
    }
    scores.push_back(m.args.scale * score);
    double one = (m.eight_bits ? m.unit() : chain * kUnit) * terms;
    if (m.shape.in_blocks()) one += rounded_query_error(carried.data(), c, m.rank + m.rope_dims);
    error = std::max(error, m.args.scale * one);
  }
  return {std::move(scores), error};
}

std::vector<double> mla_bound(const Mla& m, const SequenceRows& rows) {
  const auto history = history_of(m.setting, rows);
  const int64_t qk = m.nope + m.rope_dims;
  const auto width = static_cast<size_t>(m.shape.heads * m.shape.v_head_dim);
  std::vector<double> bound(static_cast<size_t>(rows.rows) * width);
  const Tensor& v_weight = m.args.v_b.weight->tensor;
  for (int64_t h = 0; h < m.shape.heads; ++h) {
    const auto k = m.key_matrix(h);
    for (int64_t i = 0; i < rows.rows; ++i) {
      const float* q = m.args.q.f32_row(rows.first_row + i) + h * qk;
      const Softmax softmax = mla_softmax(m, k, q, history, rows.start + i + 1);
      std::vector<float> mass(static_cast<size_t>(m.rank));
      for (size_t r = 0; r < mass.size(); ++r) {
        double sum = 0;
        for (size_t p = 0; p < softmax.p.size(); ++p) sum += softmax.p[p] * std::abs(history[p][r]);
        mass[r] = static_cast<float>(sum);
      }
      const double chain =
          softmax.relative_error + (m.eight_bits ? 2 : static_cast<double>(m.rank) + 8) * m.unit();
      for (int64_t d = 0; d < m.shape.v_head_dim; ++d) {
        const auto v = decoded_row(v_weight, m.args.v_b.row(h, d));
        bound[static_cast<size_t>(i) * width + static_cast<size_t>(h * m.shape.v_head_dim + d)] =
            chain * magnitude(v.data(), mass.data(), m.rank);
      }
    }
  }
  return bound;
}

Units attend_mla_of(const MlaShape& shape, const Run& run) {
  Mla m(run, shape);
  run.backend.attend_mla(m.args, m.setting.batch, m.setting.cache);
  Units units;
  for (size_t i = 0; i < m.setting.batch.sequences.size(); ++i) {
    std::vector<double> bound;
    if (run.bounds) bound = mla_bound(m, m.setting.batch.sequences[i]);
    collect(m.setting, i, m.out, run.bounds ? &bound : nullptr, units);
  }
  return units;
}

Units attend_mla(const Run& run) {
  return attend_mla_of(kMla[run.shape], run);
}
Units attend_mla_long(const Run& run) {
  return attend_mla_of(kMlaLong[run.shape], run);
}

constexpr VerbCase kCases[] = {
    {"attend_mla", attend_mla, kWeightFormats, std::size(kMla)},
    {"attend_mla_long", attend_mla_long, kLongFormats, std::size(kMlaLong)},
};

// What holds beyond the table --------------------------------------------------------------------

double largest(const Matrix& m) {
  double top = 0;
  for (float v : m.tensor.f32()) top = std::max(top, std::abs(static_cast<double>(v)));
  return top;
}

// The same rows as prompt (expanded keys) and as generated tokens (absorbed weights).
TEST(Attention, ExpandedAndAbsorbedLatentsAgree) {
  constexpr Part kPrompt[] = {{0, 1, Role::prompt}, {60, 70, Role::prompt}, {200, 3, Role::prompt}};
  constexpr Part kGenerated[] = {
      {0, 1, Role::generated}, {60, 70, Role::generated}, {200, 3, Role::generated}};
  for (const bool split : {false, true}) {
    for (const cpu::KernelTable* table : cpu::available_tables()) {
      SCOPED_TRACE(fmt::format("{} split {}", table->name, split));
      CpuBackend backend(2, *table);
      const MlaShape expanded{3, 8, 24, split, kPrompt, Format::f32};
      const MlaShape absorbed{3, 8, 24, split, kGenerated, Format::f32};
      Mla a({backend, Format::f32, 0}, expanded);
      Mla b({backend, Format::f32, 0}, absorbed);
      backend.attend_mla(a.args, a.setting.batch, a.setting.cache);
      backend.attend_mla(b.args, b.setting.batch, b.setting.cache);
      const double top = largest(a.out);
      for (size_t i = 0; i < a.out.tensor.f32().size(); ++i) {
        ASSERT_NEAR(a.out.tensor.f32()[i], b.out.tensor.f32()[i], 1e-5 * top) << "at " << i;
      }
    }
  }
}

// A prompt in one piece and in pieces of 7 rows: the same bits on every instruction set.
TEST(Attention, ChunksOfAPromptChangeNoBit) {
  constexpr int64_t kRows = 150;
  constexpr Part kWhole[] = {{0, kRows, Role::prompt}};
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    for (const Format kv : {Format::f16, Format::q8_0}) {
      SCOPED_TRACE(fmt::format("{} {}", table->name, format_info(kv).name));
      const MlaShape shape{3, 8, 24, false, kWhole, kv};
      CpuBackend backend(2, *table);
      Mla whole({backend, Format::q8_0, 0}, shape);
      Mla pieces({backend, Format::q8_0, 0}, shape);
      backend.attend_mla(whole.args, whole.setting.batch, whole.setting.cache);
      for (int64_t start = 0; start < kRows; start += 7) {
        Batch batch = pieces.setting.batch;
        batch.sequences[0].first_row = start;
        batch.sequences[0].start = start;
        batch.sequences[0].rows = std::min<int64_t>(7, kRows - start);
        backend.attend_mla(pieces.args, batch, pieces.setting.cache);
      }
      EXPECT_TRUE(std::ranges::equal(whole.out.tensor.f32(), pieces.out.tensor.f32()));
    }
  }
}

}  // namespace

std::span<const VerbCase> mla_cases() {
  return kCases;
}

}  // namespace hearth::conformance
