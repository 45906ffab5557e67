// Conformance cases of attention: several sequences of mixed roles in one batch, histories that
// cross the borders of 64-token blocks, scattered block tables. A unit is a sequence: its outputs,
// and what it wrote to the cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hearth/backend/conformance.h"
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/testing.h"

namespace hearth::conformance {
namespace {

using testing_backend::decoded_row;
using testing_backend::kUnit;
using testing_backend::make_norm;
using testing_backend::make_weight;
using testing_backend::Matrix;

constexpr int64_t kLayers = 2;
constexpr int64_t kLayer = 1;  // the one that is computed

struct Part {
  int64_t start, rows;
  Role role;
};
// One row on an empty cache; the last slot of a block and the first of the next; a prompt over two
// borders; generated rows on both sides of a border.
constexpr Part kFew[] = {{0, 1, Role::prompt}, {63, 1, Role::generated}, {64, 1, Role::generated}};
constexpr Part kMixed[] = {{0, 5, Role::prompt},      {60, 70, Role::prompt},
                           {127, 1, Role::generated}, {128, 1, Role::generated},
                           {62, 4, Role::prompt},     {3, 1, Role::generated}};

// A batch over `parts` (or one of them), and a cache whose history is random and the same for all.
struct Setting {
  Batch batch;
  KvCache cache;
  std::vector<int64_t> first_row;  // of each part in the whole batch

  Setting(std::span<const Part> parts, std::optional<size_t> only, int64_t values, Format format,
          int64_t kv_heads = 0)
      : cache({kLayers, values, format, kv_heads}, 4 * static_cast<int64_t>(parts.size())) {
    int64_t whole_row = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      const Part& part = parts[i];
      SequenceRows rows;
      rows.rows = part.rows;
      rows.start = part.start;
      rows.role = part.role;
      for (int64_t b = 0; b * kKvBlockTokens < part.start + part.rows; ++b) {
        // Blocks of different sequences alternate and run backwards.
        rows.blocks.push_back(static_cast<int32_t>(
            cache.blocks() - 1 -
            (b * static_cast<int64_t>(parts.size()) + static_cast<int64_t>(i))));
      }
      fill_history(rows, static_cast<uint32_t>(100 + i));
      if (!only || *only == i) {
        rows.first_row = batch.rows();
        batch.tokens.resize(static_cast<size_t>(batch.rows() + part.rows));
        batch.sequences.push_back(rows);
        first_row.push_back(whole_row);
      }
      whole_row += part.rows;
    }
  }

  void fill_history(const SequenceRows& rows, uint32_t seed) {
    const int64_t values = cache.spec().values;
    const std::vector<float> history = testing_backend::normal(rows.start * values, seed);
    for (int64_t p = 0; p < rows.start; ++p) {
      cache.store(kLayer, rows, p, history.data() + p * values);
    }
  }

  std::vector<float> cached(const SequenceRows& rows, int64_t position) const {
    std::vector<float> values(static_cast<size_t>(cache.spec().values));
    cache.load(kLayer, rows, position, values.data());
    return values;
  }

  // The rows of a whole-batch matrix that this batch holds.
  Matrix pick(const Matrix& whole) const {
    Matrix out(batch.rows(), whole.tensor.columns());
    for (size_t i = 0; i < batch.sequences.size(); ++i) {
      const SequenceRows& rows = batch.sequences[i];
      std::copy_n(whole.tensor.f32_row(first_row[i]), rows.rows * whole.tensor.columns(),
                  out.tensor.f32_row(rows.first_row));
    }
    return out;
  }
};

int64_t total_rows(std::span<const Part> parts) {
  int64_t rows = 0;
  for (const Part& part : parts) rows += part.rows;
  return rows;
}

// The history of one sequence as numbers: [end][values].
std::vector<std::vector<float>> history_of(const Setting& s, const SequenceRows& rows) {
  std::vector<std::vector<float>> history;
  for (int64_t p = 0; p < rows.end(); ++p) history.push_back(s.cached(rows, p));
  return history;
}

double magnitude(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::abs(static_cast<double>(a[i]) * b[i]);
  return sum;
}

double dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// Probabilities of one query, and by what share each may be wrong when scores are floats that are
// off by `score_error`: e^x turns an absolute error into a relative one, in the term and in the
// sum; every rounding of the running sums adds a unit.
struct Softmax {
  std::vector<double> p;
  double relative_error = 0;

  Softmax(std::vector<double> scores, double score_error) : p(std::move(scores)) {
    const auto [low, high] = std::minmax_element(p.begin(), p.end());
    const double range = *high - *low;
    const double top = *high;
    double sum = 0;
    for (double& s : p) sum += s = std::exp(s - top);
    for (double& s : p) s /= sum;
    const auto n = static_cast<double>(p.size());
    relative_error = 2 * (score_error + kUnit * (range + 2)) + (n + 2 * n / 64 + 8) * kUnit;
  }
};

// Appends a sequence: its output rows, then the cache rows it wrote (whose bits must agree).
void collect(const Setting& s, size_t sequence, const Matrix& out, const std::vector<double>* bound,
             Units& units) {
  const SequenceRows& rows = s.batch.sequences[sequence];
  std::vector<float> found;
  for (int64_t i = 0; i < rows.rows; ++i) {
    const auto row = out.row(rows.first_row + i);
    found.insert(found.end(), row.begin(), row.end());
  }
  for (int64_t p = rows.start; p < rows.end(); ++p) {
    const auto row = s.cached(rows, p);
    found.insert(found.end(), row.begin(), row.end());
  }
  if (bound) {
    units.bound.push_back(*bound);
    units.bound.back().resize(found.size(), 0.0);
  }
  units.found.push_back(std::move(found));
}

// Grouped-query attention ------------------------------------------------------------------------

struct GqaShape {
  int64_t heads, kv_heads, head_dim;
  std::span<const Part> parts;
  RopePairs pairs;
};
constexpr GqaShape kGqa[] = {
    {1, 1, 2, kFew, RopePairs::halves},
    {6, 2, 18, kMixed, RopePairs::interleaved},
    {4, 4, 34, kMixed, RopePairs::halves},
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
        error =
            std::max(error, (static_cast<double>(d) + 4) * kUnit * a.scale * magnitude(q, k, d));
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

Units attend_gqa(const Run& run) {
  const GqaShape& shape = kGqa[run.shape];
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

// Multi-head latent attention --------------------------------------------------------------------

struct MlaShape {
  int64_t heads;
  int64_t rope_dims, v_head_dim;
  bool split;  // k_b and v_b apart, k_b transposed, as new GGUF files have them
  std::span<const Part> parts;
  Format kv_format;
};
constexpr MlaShape kMla[] = {
    {1, 2, 1, false, kFew, Format::f32},    {5, 6, 10, false, kMixed, Format::f16},
    {5, 6, 10, true, kMixed, Format::bf16}, {2, 4, 7, true, kFew, Format::f32},
    {3, 8, 33, false, kMixed, Format::f32},
};

// Weights and inputs of one MLA layer in either layout.
struct Mla {
  const MlaShape& shape;
  int64_t rank, nope;
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
        rank(width_of(run.format, 0)),
        nope(shape.split ? width_of(run.format, 0) : 18),
        kv_norm(make_norm(rank, 5)),
        rope(Rope::plain(shape.rope_dims, 10000, RopePairs::interleaved)),
        setting(shape.parts, run.only, rank + shape.rope_dims, shape.kv_format),
        q(setting.pick(Matrix(total_rows(shape.parts), shape.heads * (nope + shape.rope_dims), 1))),
        kv(setting.pick(Matrix(total_rows(shape.parts), rank + shape.rope_dims, 2))),
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
    args.qk_rope_head_dim = shape.rope_dims;
    args.v_head_dim = shape.v_head_dim;
    args.kv_lora_rank = rank;
    args.kv_a_norm = &kv_norm;
    args.scale = 1 / std::sqrt(static_cast<double>(nope + shape.rope_dims));
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
      static_cast<double>(m.nope + m.rank + m.shape.rope_dims) + 2 * testing_backend::kExtra;
  std::vector<double> scores;
  double error = 0;
  for (int64_t p = 0; p < seen; ++p) {
    const float* c = history[static_cast<size_t>(p)].data();
    double score = dot(q + m.nope, c + m.rank, m.shape.rope_dims);
    double terms = magnitude(q + m.nope, c + m.rank, m.shape.rope_dims);
    for (size_t r = 0; r < rank; ++r) {
      score += absorbed[r] * c[r];
      terms += absorbed_magnitude[r] * std::abs(c[r]);
    }
    scores.push_back(m.args.scale * score);
    error = std::max(error, m.args.scale * (m.eight_bits ? m.unit() : chain * kUnit) * terms);
  }
  return {std::move(scores), error};
}

std::vector<double> mla_bound(const Mla& m, const SequenceRows& rows) {
  const auto history = history_of(m.setting, rows);
  const int64_t qk = m.nope + m.shape.rope_dims;
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

Units attend_mla(const Run& run) {
  Mla m(run, kMla[run.shape]);
  run.backend.attend_mla(m.args, m.setting.batch, m.setting.cache);
  Units units;
  for (size_t i = 0; i < m.setting.batch.sequences.size(); ++i) {
    std::vector<double> bound;
    if (run.bounds) bound = mla_bound(m, m.setting.batch.sequences[i]);
    collect(m.setting, i, m.out, run.bounds ? &bound : nullptr, units);
  }
  return units;
}

constexpr VerbCase kCases[] = {
    {"attend_gqa", attend_gqa, kKvFormats, std::size(kGqa)},
    {"attend_mla", attend_mla, kWeightFormats, std::size(kMla)},
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
  const MlaShape shape{3, 8, 24, false, kWhole, Format::f16};
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    SCOPED_TRACE(table->name);
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

}  // namespace

std::span<const VerbCase> attention_cases() {
  return kCases;
}

}  // namespace hearth::conformance
