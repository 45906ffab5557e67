// Queries go in blocks, each against all keys up to its last row. With P the probabilities:
//   dV += P^T dO,  dS = P (dO V^T - rowsum(dO O)) scale,  dQ = dS K,  dK += dS^T Q.
// One thread owns a key head of a document, so that its sums have one order.
#include "hearth/train/verbs/attention.h"

#include <cmath>

#include "hearth/train/verbs/product.h"

namespace hearth::train {
namespace {

constexpr int64_t kQueryBlock = 64;

// Rows of queries [begin, begin + rows) of a document, and the keys that they see.
struct QueryBlock {
  int64_t begin, rows;
  int64_t keys() const { return begin + rows; }
};

template <typename T>
Matrix<T> thread_matrix(std::vector<T>& memory, int64_t rows, int64_t columns) {
  memory.resize(std::max(memory.size(), static_cast<size_t>(rows * columns)));
  return {memory.data(), rows, columns, columns};
}

// scores -> exp(scale * score - log_sum); keys behind the query become 0.
template <typename T>
void probabilities(const QueryBlock& block, double scale, const T* log_sum, Matrix<T> scores) {
  for (int64_t i = 0; i < block.rows; ++i) {
    T* row = scores.row(i);
    const int64_t seen = block.begin + i + 1;
    const T factor = static_cast<T>(scale);
    for (int64_t p = 0; p < seen; ++p) row[p] = std::exp(factor * row[p] - log_sum[i]);
    std::fill(row + seen, row + block.keys(), T(0));
  }
}

template <typename T>
void sum_of_exponentials(const QueryBlock& block, double scale, Matrix<T> scores, T* log_sum) {
  const T factor = static_cast<T>(scale);
  for (int64_t i = 0; i < block.rows; ++i) {
    const T* row = scores.row(i);
    const int64_t seen = block.begin + i + 1;
    const T top = *std::max_element(row, row + seen);
    double sum = 0;
    for (int64_t p = 0; p < seen; ++p)
      sum += static_cast<double>(std::exp(factor * (row[p] - top)));
    log_sum[i] = static_cast<T>(static_cast<double>(factor * top) + std::log(sum));
  }
}

template <typename T>
void attend_head(const Compute& c, const Attention<T>& a, const Document& d, int64_t head) {
  thread_local std::vector<T> memory;
  const int64_t kv = head / (a.heads / a.kv_heads);
  const Matrix<T> q = a.q.of(d, head);
  const Matrix<T> out = a.out.of(d, head);
  for (int64_t begin = 0; begin < d.rows; begin += kQueryBlock) {
    const QueryBlock block{begin, std::min(kQueryBlock, d.rows - begin)};
    const Matrix<T> k = a.k.of(d, kv).rows_from(0, block.keys());
    const Matrix<T> v = a.v.of(d, kv).rows_from(0, block.keys());
    const Matrix<T> scores = thread_matrix(memory, block.rows, block.keys());
    multiply_serial(c, {q.rows_from(begin, block.rows)}, Right<T>(k, true), scores, Into::replace);
    T* log_sum = a.log_sum.row(head) + d.begin + begin;
    sum_of_exponentials(block, a.scale, scores, log_sum);
    probabilities(block, a.scale, log_sum, scores);
    multiply_serial(c, {scores}, Right<T>(v), out.rows_from(begin, block.rows), Into::replace);
  }
}

// p -> dS, with dp = dO V^T.
template <typename T>
void score_gradients(Matrix<T> p, Matrix<T> dp, Matrix<T> out, Matrix<T> dout, double scale) {
  for (int64_t i = 0; i < p.rows; ++i) {
    double mean = 0;
    for (int64_t d = 0; d < out.columns; ++d) {
      mean += static_cast<double>(out.row(i)[d]) * static_cast<double>(dout.row(i)[d]);
    }
    T* row = p.row(i);
    const T* gradient = dp.row(i);
    for (int64_t j = 0; j < p.columns; ++j) {
      row[j] *= (gradient[j] - static_cast<T>(mean)) * static_cast<T>(scale);
    }
  }
}

// One query head: its dq, and what it adds to dk and dv of its key head.
template <typename T>
void head_backward(const Compute& c, const Attention<T>& a, const AttentionGradient<T>& g,
                   const Document& d, int64_t head) {
  thread_local std::vector<T> memory, gradient_memory;
  const int64_t kv = head / (a.heads / a.kv_heads);
  for (int64_t begin = 0; begin < d.rows; begin += kQueryBlock) {
    const QueryBlock block{begin, std::min(kQueryBlock, d.rows - begin)};
    const auto rows = [&](const Heads<T>& h) { return h.of(d, head).rows_from(begin, block.rows); };
    const auto keys = [&](const Heads<T>& h) { return h.of(d, kv).rows_from(0, block.keys()); };
    const Matrix<T> p = thread_matrix(memory, block.rows, block.keys());
    multiply_serial(c, {rows(a.q)}, Right<T>(keys(a.k), true), p, Into::replace);
    probabilities(block, a.scale, a.log_sum.row(head) + d.begin + begin, p);
    multiply_serial(c, {p, true}, Right<T>(rows(g.out)), keys(g.v), Into::add);
    const Matrix<T> dp = thread_matrix(gradient_memory, block.rows, block.keys());
    multiply_serial(c, {rows(g.out)}, Right<T>(keys(a.v), true), dp, Into::replace);
    score_gradients(p, dp, rows(a.out), rows(g.out), a.scale);
    multiply_serial(c, {p}, Right<T>(keys(a.k)), rows(g.q), Into::replace);
    multiply_serial(c, {p, true}, Right<T>(rows(a.q)), keys(g.k), Into::add);
  }
}

}  // namespace

RopeTable::RopeTable(const Rope& of, int64_t positions) : rope(of) {
  const int64_t half = rope.dims / 2;
  cos.resize(static_cast<size_t>(positions * half));
  sin.resize(cos.size());
  for (int64_t p = 0; p < positions; ++p) {
    rope.angles(p, cos.data() + p * half, sin.data() + p * half);
  }
}

template <typename T>
void rotate(Compute& c, const RopeTable& table, std::span<const Document> documents,
            const Heads<T>& x, int64_t heads, bool backward) {
  const Rope& rope = table.rope;
  const int64_t half = rope.dims / 2;
  const bool interleaved = rope.pairs == RopePairs::interleaved;
  const auto turn = [&](T* at, int64_t position) {
    for (int64_t i = 0; i < half; ++i) {
      T& a = at[interleaved ? 2 * i : i];
      T& b = at[interleaved ? 2 * i + 1 : i + half];
      const T cos = table.cos[static_cast<size_t>(position * half + i)];
      const T plain = table.sin[static_cast<size_t>(position * half + i)];
      const T sin = backward ? -plain : plain;
      const T turned = a * cos - b * sin;
      b = b * cos + a * sin;
      a = turned;
    }
  };
  for (const Document& d : documents) {
    c.in_pieces(d.rows, kRowsPiece, [&](int64_t begin, int64_t end) {
      for (int64_t h = 0; h < heads; ++h) {
        const Matrix<T> head = x.of(d, h);
        for (int64_t t = begin; t < end; ++t) turn(head.row(t), t);
      }
    });
  }
}

template <typename T>
void Attention<T>::forward(Compute& c) const {
  const auto documents_count = static_cast<int64_t>(documents.size());
  c.pool().parallel_for(documents_count * heads, [&](int64_t part) {
    attend_head(c, *this, documents[static_cast<size_t>(part / heads)], part % heads);
  });
}

template <typename T>
void AttentionGradient<T>::backward(Compute& c, const Attention<T>& a) const {
  const auto documents_count = static_cast<int64_t>(a.documents.size());
  const int64_t group = a.heads / a.kv_heads;
  c.pool().parallel_for(documents_count * a.kv_heads, [&](int64_t part) {
    const Document& d = a.documents[static_cast<size_t>(part / a.kv_heads)];
    const int64_t kv = part % a.kv_heads;
    k.of(d, kv).fill(0);
    v.of(d, kv).fill(0);
    for (int64_t i = 0; i < group; ++i) head_backward(c, a, *this, d, kv * group + i);
  });
}

template struct Attention<float>;
template struct Attention<double>;
template struct AttentionGradient<float>;
template struct AttentionGradient<double>;
template void rotate(Compute&, const RopeTable&, std::span<const Document>, const Heads<float>&,
                     int64_t, bool);
template void rotate(Compute&, const RopeTable&, std::span<const Document>, const Heads<double>&,
                     int64_t, bool);

}  // namespace hearth::train
