// What the conformance cases of attention share: batches of several sequences over caches with a
// random history, exact softmax with the errors that floats may add, and results by sequence.
#pragma once

#include <algorithm>
#include <cmath>

#include "hearth/backend/conformance.h"
#include "hearth/backend/testing.h"
#include "hearth/base/checked_math.h"

namespace hearth::conformance {

using testing_backend::kUnit;
using testing_backend::Matrix;

inline constexpr int64_t kLayers = 2;
inline constexpr int64_t kLayer = 1;  // the one that is computed

struct Part {
  int64_t start, rows;
  Role role;
};
// One row on an empty cache; the last slot of a block and the first of the next; a prompt over two
// borders; generated rows on both sides of a border.
inline constexpr Part kFew[] = {
    {0, 1, Role::prompt}, {63, 1, Role::generated}, {64, 1, Role::generated}};
inline constexpr Part kMixed[] = {{0, 5, Role::prompt},      {60, 70, Role::prompt},
                                  {127, 1, Role::generated}, {128, 1, Role::generated},
                                  {62, 4, Role::prompt},     {3, 1, Role::generated}};
// Histories around the borders of 512 positions, where those of generated rows are cut.
inline constexpr Part kLong[] = {{511, 2, Role::generated},
                                 {1100, 1, Role::generated},
                                 {510, 5, Role::generated},
                                 {1020, 7, Role::prompt}};

// A batch over `parts` (or one of them), and a cache whose history is random and the same for all.
struct Setting {
  Batch batch;
  KvCache cache;
  std::vector<int64_t> first_row;  // of each part in the whole batch

  Setting(std::span<const Part> parts, std::optional<size_t> only, int64_t values, Format format,
          int64_t kv_heads = 0)
      : cache({kLayers, values, format, kv_heads},
              blocks_of(parts) * static_cast<int64_t>(parts.size())) {
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

  static int64_t blocks_of(std::span<const Part> parts) {
    int64_t most = 0;
    for (const Part& part : parts) {
      most = std::max(most, ceil_div(part.start + part.rows, kKvBlockTokens));
    }
    return most;
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

inline int64_t total_rows(std::span<const Part> parts) {
  int64_t rows = 0;
  for (const Part& part : parts) rows += part.rows;
  return rows;
}

// The history of one sequence as numbers: [end][values].
inline std::vector<std::vector<float>> history_of(const Setting& s, const SequenceRows& rows) {
  std::vector<std::vector<float>> history;
  for (int64_t p = 0; p < rows.end(); ++p) history.push_back(s.cached(rows, p));
  return history;
}

inline double magnitude(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::abs(static_cast<double>(a[i]) * b[i]);
  return sum;
}

inline double dot(const float* a, const float* b, int64_t n) {
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

// A cache in q8_0 may be met by queries that are rounded to eight bits, in blocks of 32: by how
// much the score of query q and key k can change. The reference keeps the exact query.
inline double rounded_query_error(const float* q, const float* k, int64_t n) {
  double error = 0;
  for (int64_t begin = 0; begin < n; begin += 32) {
    double top = 0, keys = 0;
    for (int64_t i = begin; i < begin + 32; ++i) {
      top = std::max(top, std::abs(static_cast<double>(q[i])));
      keys += std::abs(static_cast<double>(k[i]));
    }
    error += top / 127 * (0.5 + 256 * kUnit) * keys;  // half a step, and roundings of q / step
  }
  return error;
}

// Appends a sequence: its output rows, then the cache rows it wrote (whose bits must agree).
inline void collect(const Setting& s, size_t sequence, const Matrix& out,
                    const std::vector<double>* bound, Units& units) {
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

}  // namespace hearth::conformance
