// Conformance cases of the dense verbs: embedding, norm + linear, SwiGLU, residual add, head.
#include <algorithm>

#include "hearth/backend/conformance.h"
#include "hearth/backend/reference/scalar.h"
#include "hearth/backend/testing.h"

namespace hearth::conformance {
namespace {

using testing_backend::kUnit;
using testing_backend::linear_bound;
using testing_backend::make_norm;
using testing_backend::make_vector;
using testing_backend::make_weight;
using testing_backend::Matrix;
using testing_backend::prepared;

struct DenseShape {
  int64_t tokens;
  int width;  // index of width_of
  int64_t out;
  bool norm;
  bool bias;
};
// One row, a few, more than a tile; fewer outputs than a kernel's block and more than a part's 32.
constexpr DenseShape kShapes[] = {
    {1, 0, 1, true, true},    {5, 1, 33, true, false},   {5, 2, 3, false, true},
    {19, 0, 130, true, true}, {2, 1, 300, false, false},
};

// Inputs of a dense verb and the rows that the run wants.
struct Dense {
  const DenseShape& shape;
  int64_t in;
  Matrix whole;
  Matrix x;
  Norm norm;

  explicit Dense(const Run& run)
      : shape(kShapes[run.shape]),
        in(width_of(run.format, shape.width)),
        whole(shape.tokens, in, 1),
        x(whole, run.only ? static_cast<int64_t>(*run.only) : 0, run.only ? 1 : shape.tokens) {
    if (shape.norm) norm = make_norm(in, 2);
  }

  int64_t tokens() const { return x.tensor.rows(); }
  Linear linear(const Run& run, int64_t out, uint32_t seed) const {
    Linear made;
    made.weight = prepared(run.backend, make_weight(run.format, {out, in}, seed));
    if (shape.bias) made.bias = make_vector(out, seed + 1, 0);
    return made;
  }
  std::vector<float> normed(int64_t t) const {
    std::vector<float> n(static_cast<size_t>(in));
    reference::rms_norm(x.tensor.f32_row(t), in, norm, n.data());
    return n;
  }
};

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Units embed_rows(const Run& run) {
  const int64_t dim = width_of(run.format, run.shape);
  const Weight table = make_weight(run.format, {200, dim}, 1);
  std::vector<int32_t> ids = {199, 0, 7, 7, 128, 127};
  if (run.only) ids = {ids[*run.only]};
  Matrix out(static_cast<int64_t>(ids.size()), dim);
  run.backend.embed_rows(table, ids, out.tensor);
  Units units;
  for (int64_t t = 0; t < out.tensor.rows(); ++t) {
    units.found.push_back(out.row(t));
    units.bound.emplace_back(static_cast<size_t>(dim), 0.0);
  }
  return units;
}

Units norm_linear(const Run& run) {
  const Dense d(run);
  const Linear linears[] = {d.linear(run, d.shape.out, 10), d.linear(run, 7, 20),
                            d.linear(run, 32, 30)};
  std::vector<Matrix> outs;
  std::vector<LinearOut> to;
  for (const Linear& linear : linears) outs.emplace_back(d.tokens(), linear.weight.out());
  for (size_t i = 0; i < outs.size(); ++i) to.push_back({&linears[i], outs[i].tensor});
  run.backend.norm_linear(d.x.tensor, d.norm, to);
  Units units;
  for (int64_t t = 0; t < d.tokens(); ++t) {
    units.found.emplace_back();
    for (const Matrix& out : outs) append(units.found.back(), out.row(t));
    if (!run.bounds) continue;
    units.bound.emplace_back();
    for (const Linear& linear : linears) {
      const auto bound = linear_bound(linear, d.normed(t));
      units.bound.back().insert(units.bound.back().end(), bound.begin(), bound.end());
    }
  }
  return units;
}

Units qk_norm(const Run& run) {
  constexpr int64_t kHeadDims[] = {2, 37, 64};
  const int64_t head_dim = kHeadDims[run.shape];
  const Matrix whole(5, 3 * head_dim, 1);
  Matrix x(whole, run.only ? static_cast<int64_t>(*run.only) : 0, run.only ? 1 : 5);
  run.backend.qk_norm(x.tensor, make_norm(head_dim, 2), head_dim);
  Units units;
  for (int64_t t = 0; t < x.tensor.rows(); ++t) {
    units.found.push_back(x.row(t));
    units.bound.emplace_back();
    for (float v : units.found.back()) {
      // The mean square and the root cost a few roundings, each relative.
      units.bound.back().push_back((static_cast<double>(head_dim) + 8) * kUnit * std::abs(v));
    }
  }
  return units;
}

Units linear_add(const Run& run) {
  const Dense d(run);
  const Linear linear = d.linear(run, d.shape.out, 10);
  const Matrix whole(d.shape.tokens, d.shape.out, 50);
  Matrix residual(whole, run.only ? static_cast<int64_t>(*run.only) : 0, d.tokens());
  run.backend.linear_add(d.x.tensor, linear, residual.tensor);
  Units units;
  for (int64_t t = 0; t < d.tokens(); ++t) {
    units.found.push_back(residual.row(t));
    if (!run.bounds) continue;
    units.bound.push_back(linear_bound(linear, d.x.row(t)));
    for (size_t o = 0; o < units.bound.back().size(); ++o) {
      units.bound.back()[o] += 2 * kUnit * std::abs(units.found.back()[o]);
    }
  }
  return units;
}

Units norm_linear_swiglu(const Run& run) {
  const Dense d(run);
  const Linear gate = d.linear(run, d.shape.out, 10);
  const Linear up = d.linear(run, d.shape.out, 20);
  Matrix out(d.tokens(), d.shape.out);
  run.backend.norm_linear_swiglu(d.x.tensor, d.norm, gate, up, out.tensor);
  Units units;
  for (int64_t t = 0; t < d.tokens(); ++t) {
    units.found.push_back(out.row(t));
    if (!run.bounds) continue;
    const std::vector<float> n = d.normed(t);
    std::vector<float> g(static_cast<size_t>(d.shape.out)), u(g.size());
    reference::apply(gate, n.data(), g.data());
    reference::apply(up, n.data(), u.data());
    const auto dg = linear_bound(gate, n);
    const auto du = linear_bound(up, n);
    std::vector<double> bound;
    for (size_t o = 0; o < g.size(); ++o) {
      // |silu'| <= 1.1; silu itself is good to a few roundings.
      bound.push_back(1.1 * dg[o] * (std::abs(u[o]) + du[o]) +
                      std::abs(reference::silu(g[o])) * (du[o] + 4 * kUnit * std::abs(u[o])));
    }
    units.bound.push_back(std::move(bound));
  }
  return units;
}

// Two adapters of different rank, each with some of the rows, and rows that have none.
constexpr int64_t kAdaptedRows[] = {0, 3, 5, 75};  // rows [0, 3): the first, [5, 75): the second
constexpr int64_t kAdaptedTokens = 77;

struct Delta {
  LowRank low_rank;
  int64_t first, end;

  Delta(const Run& run, int64_t rank, int64_t out, int64_t in, size_t which)
      : first(kAdaptedRows[2 * which]), end(kAdaptedRows[2 * which + 1]) {
    const auto seed = static_cast<uint32_t>(60 + 10 * which);
    low_rank.a = prepared(run.backend, make_weight(Format::f32, {rank, in}, seed));
    low_rank.b = prepared(run.backend, make_weight(Format::f32, {out, rank}, seed + 1));
  }
  bool has(int64_t row) const { return row >= first && row < end; }
};

// What a row of `out` may differ by after the delta.
std::vector<double> low_rank_bound(const LowRank& delta, const std::vector<float>& n,
                                   const std::vector<float>& found) {
  std::vector<float> low(static_cast<size_t>(delta.a.out()));
  reference::apply({delta.a, {}}, n.data(), low.data());
  const std::vector<double> of_low = linear_bound({delta.a, {}}, n);
  std::vector<double> bound = linear_bound({delta.b, {}}, low);
  for (size_t o = 0; o < bound.size(); ++o) {
    const auto b = testing_backend::decoded_row(delta.b.tensor, static_cast<int64_t>(o));
    for (size_t r = 0; r < b.size(); ++r) bound[o] += std::abs(b[r]) * of_low[r];
    bound[o] += 2 * kUnit * std::abs(found[o]);
  }
  return bound;
}

Units add_low_rank(const Run& run) {
  struct LowRankShape {
    int64_t in, out, rank;
    bool norm;
  };
  constexpr LowRankShape kLowRankShapes[] = {{37, 130, 3, true}, {130, 33, 40, false}};
  const auto [in, out, rank, has_norm] = kLowRankShapes[run.shape];
  const Matrix whole_x(kAdaptedTokens, in, 1);
  const Matrix whole_y(kAdaptedTokens, out, 50);
  const int64_t begin = run.only ? static_cast<int64_t>(*run.only) : 0;
  const int64_t tokens = run.only ? 1 : kAdaptedTokens;
  const Matrix x(whole_x, begin, tokens);
  const Matrix y(whole_y, begin, tokens);
  const Norm norm = has_norm ? make_norm(in, 2) : Norm{};
  const Delta deltas[] = {{run, rank, out, in, 0}, {run, rank + 1, out, in, 1}};
  std::vector<LowRankAdd> adds;
  for (const Delta& d : deltas) {
    const int64_t first = std::max<int64_t>(d.first - begin, 0);
    const int64_t end = std::min(d.end - begin, tokens);
    if (first < end) adds.push_back({&d.low_rank, first, end - first, y.tensor});
  }
  run.backend.add_low_rank(x.tensor, norm, adds);
  Units units;
  for (int64_t t = 0; t < tokens; ++t) {
    units.found.push_back(y.row(t));
    if (!run.bounds) continue;
    units.bound.emplace_back(static_cast<size_t>(out), 0.0);
    std::vector<float> n(static_cast<size_t>(in));
    reference::rms_norm(x.tensor.f32_row(t), in, norm, n.data());
    for (const Delta& d : deltas) {
      if (d.has(begin + t)) units.bound.back() = low_rank_bound(d.low_rank, n, y.row(t));
    }
  }
  return units;
}

// By definition: the same bits as the fused verb makes of the same products.
Units swiglu(const Run& run) {
  constexpr int64_t kWidths[] = {16, 37};
  const int64_t width = kWidths[run.shape];
  const Matrix gates(5, width, 1);
  const Matrix ups(5, width, 2);
  const int64_t begin = run.only ? static_cast<int64_t>(*run.only) : 0;
  const Matrix gate(gates, begin, run.only ? 1 : 5);
  const Matrix up(ups, begin, run.only ? 1 : 5);
  run.backend.swiglu(gate.tensor, up.tensor);
  Units units;
  for (int64_t t = 0; t < gate.tensor.rows(); ++t) {
    units.found.push_back(gate.row(t));
    units.bound.emplace_back();
    for (float v : units.found.back()) units.bound.back().push_back(8 * kUnit * std::abs(v));
  }
  return units;
}

Units gather_rows(const Run& run) {
  const Matrix x(7, 33, 1);
  std::vector<int64_t> rows = {6, 0, 3, 3};
  if (run.only) rows = {rows[*run.only]};
  Matrix out(static_cast<int64_t>(rows.size()), 33);
  run.backend.gather_rows(x.tensor, rows, out.tensor);
  Units units;
  for (int64_t t = 0; t < out.tensor.rows(); ++t) {
    units.found.push_back(out.row(t));
    units.bound.emplace_back(33, 0.0);
  }
  return units;
}

Units head_logits(const Run& run) {
  const Dense d(run);
  const Linear head = d.linear(run, d.shape.out, 10);
  Matrix logits(d.tokens(), d.shape.out);
  run.backend.head_logits(d.x.tensor, d.norm, head, logits.tensor);
  Units units;
  for (int64_t t = 0; t < d.tokens(); ++t) {
    units.found.push_back(logits.row(t));
    if (run.bounds) units.bound.push_back(linear_bound(head, d.normed(t)));
  }
  return units;
}

constexpr int kDenseShapes = std::size(kShapes);
constexpr VerbCase kCases[] = {
    {"embed_rows", embed_rows, kWeightFormats, 3},
    {"norm_linear", norm_linear, kWeightFormats, kDenseShapes},
    {"qk_norm", qk_norm, kNoWeights, 3},
    {"linear_add", linear_add, kWeightFormats, kDenseShapes},
    {"norm_linear_swiglu", norm_linear_swiglu, kWeightFormats, kDenseShapes},
    {"add_low_rank", add_low_rank, kNoWeights, 2},
    {"swiglu", swiglu, kNoWeights, 2},
    {"gather_rows", gather_rows, kNoWeights, 1},
    {"head_logits", head_logits, kWeightFormats, kDenseShapes},
};

}  // namespace

std::span<const VerbCase> dense_cases() {
  return kCases;
}

}  // namespace hearth::conformance
