// A product is cut into blocks of rows and panels of columns; each thread packs the panel's part of
// the right side, [16 columns][depth][16], and multiplies with the backend's float kernel. Sums go
// through the depth in order, in blocks that do not depend on the number of threads.
#include "hearth/train/verbs/product.h"

#include <type_traits>
#include <vector>

#include "hearth/formats/codec.h"

namespace hearth::train {
namespace {

constexpr int64_t kLanes = 16;         // columns that the kernel writes together
constexpr int64_t kPanelColumns = 64;  // a panel [256][64] of floats lies in the second cache
constexpr int64_t kDepthBlock = 256;   // and starts on a super-block of every format
constexpr int64_t kRowsBlock = 256;

// Working memory of one thread.
template <typename T>
struct Scratch {
  std::vector<T> panel, tile, edge;
  std::vector<float> decoded;
};

template <typename T>
Scratch<T>& scratch() {
  thread_local Scratch<T> s;
  return s;
}

// Part of a product: rows [row, row + rows) and columns [column, column + columns).
struct Piece {
  int64_t row, rows, column, columns;
};

// panel[column / 16][k][column % 16] = right(depth + k, first + column); missing columns are zero.
template <typename T>
void pack(const Right<T>& right, int64_t depth, int64_t count, const Piece& p, Scratch<T>& s) {
  const int64_t chunks = ceil_div(p.columns, kLanes);
  s.panel.resize(static_cast<size_t>(chunks * count * kLanes));
  s.tile.resize(static_cast<size_t>(kLanes * std::max(count, kPanelColumns)));
  if (!right.transposed) {
    for (int64_t k = 0; k < count; ++k) {
      std::fill_n(s.tile.begin(), chunks * kLanes, T(0));
      right.read(depth + k, p.column, p.columns, s.tile.data());
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        std::copy_n(s.tile.data() + chunk * kLanes, kLanes,
                    s.panel.data() + (chunk * count + k) * kLanes);
      }
    }
    return;
  }
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const int64_t lanes = std::min(kLanes, p.columns - chunk * kLanes);
    if (lanes < kLanes) std::fill_n(s.tile.begin(), kLanes * count, T(0));
    for (int64_t lane = 0; lane < lanes; ++lane) {
      right.read(p.column + chunk * kLanes + lane, depth, count, s.tile.data() + lane * count);
    }
    T* to = s.panel.data() + chunk * count * kLanes;
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t lane = 0; lane < kLanes; ++lane)
        to[k * kLanes + lane] = s.tile[static_cast<size_t>(lane * count + k)];
    }
  }
}

struct PanelProduct {
  int64_t rows, depth, chunks;
  int64_t a_row, a_k;  // element strides of the left side
  int64_t c_row;
  bool accumulate;
};

void run_kernel(const Compute& c, const PanelProduct& p, const float* a, const float* panel,
                float* out) {
  c.kernels().float_gemm({.a = a,
                          .a_row = p.a_row,
                          .a_k = p.a_k,
                          .rows = p.rows,
                          .k = p.depth,
                          .b = panel,
                          .b_format = cpu::FloatFormat::f32,
                          .b_k = kLanes,
                          .b_chunk = p.depth * kLanes,
                          .chunks = p.chunks,
                          .c = out,
                          .c_row = p.c_row,
                          .c_chunk = kLanes,
                          .accumulate = p.accumulate});
}

void run_kernel(const Compute&, const PanelProduct& p, const double* a, const double* panel,
                double* out) {
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t n = 0; n < p.chunks * kLanes; ++n) {
      double sum = p.accumulate ? out[r * p.c_row + n] : 0;
      const double* b = panel + n / kLanes * p.depth * kLanes + n % kLanes;
      for (int64_t k = 0; k < p.depth; ++k) sum += a[r * p.a_row + k * p.a_k] * b[k * kLanes];
      out[r * p.c_row + n] = sum;
    }
  }
}

// Rows [p.row, ...) times the packed panel, into whole chunks of `out`, or by way of `edge` where
// the last chunk would reach beyond its columns.
template <typename T>
void multiply_panel(const Compute& c, const Left<T>& left, int64_t depth, int64_t count,
                    const Piece& p, Matrix<T> out, bool accumulate, Scratch<T>& s) {
  const Matrix<T>& m = left.matrix;
  PanelProduct product{.rows = p.rows,
                       .depth = count,
                       .chunks = p.columns / kLanes,
                       .a_row = left.transposed ? 1 : m.stride,
                       .a_k = left.transposed ? m.stride : 1,
                       .c_row = out.stride,
                       .accumulate = accumulate};
  const T* a = m.data + p.row * product.a_row + depth * product.a_k;
  T* to = out.row(p.row) + p.column;
  if (product.chunks > 0) run_kernel(c, product, a, s.panel.data(), to);
  const int64_t whole = product.chunks * kLanes;
  const int64_t rest = p.columns - whole;
  if (rest == 0) return;
  s.edge.resize(static_cast<size_t>(p.rows * kLanes));
  for (int64_t r = 0; accumulate && r < p.rows; ++r) {
    std::copy_n(to + r * out.stride + whole, rest, s.edge.data() + r * kLanes);
  }
  product.chunks = 1;
  product.c_row = kLanes;
  run_kernel(c, product, a, s.panel.data() + whole * count, s.edge.data());
  for (int64_t r = 0; r < p.rows; ++r) {
    std::copy_n(s.edge.data() + r * kLanes, rest, to + r * out.stride + whole);
  }
}

template <typename T>
void multiply_piece(const Compute& c, const Left<T>& left, const Right<T>& right, const Piece& p,
                    Matrix<T> out, Into into) {
  Scratch<T>& s = scratch<T>();
  const int64_t depth = left.depth();
  if (depth == 0 && into == Into::replace) {
    out.rows_from(p.row, p.rows).columns_from(p.column, p.columns).fill(0);
  }
  for (int64_t k = 0; k < depth; k += kDepthBlock) {
    const int64_t count = std::min(kDepthBlock, depth - k);
    pack(right, k, count, p, s);
    multiply_panel(c, left, k, count, p, out, k > 0 || into == Into::add, s);
  }
}

template <typename T>
void check_shapes(const Left<T>& left, const Right<T>& right, const Matrix<T>& out) {
  CHECK_EQ(left.depth(), right.depth());
  CHECK_EQ(left.rows(), out.rows);
  CHECK_EQ(right.columns(), out.columns);
}

}  // namespace

template <typename T>
void Right<T>::read(int64_t row, int64_t begin, int64_t count, T* out) const {
  if (!stored) {
    std::copy_n(matrix.row(row) + begin, count, out);
  } else if constexpr (std::is_same_v<T, float>) {
    decode_row(*stored, row, begin, count, out);
  } else {
    std::vector<float>& decoded = scratch<T>().decoded;
    decoded.resize(static_cast<size_t>(count));
    decode_row(*stored, row, begin, count, decoded.data());
    std::copy(decoded.begin(), decoded.end(), out);
  }
}

template <typename T>
void multiply(Compute& c, const Left<T>& left, const Right<T>& right, Matrix<T> out, Into into) {
  check_shapes(left, right, out);
  const int64_t panels = ceil_div(out.columns, kPanelColumns);
  c.pool().parallel_for(panels * ceil_div(out.rows, kRowsBlock), [&](int64_t part) {
    const int64_t column = part % panels * kPanelColumns;
    const int64_t row = part / panels * kRowsBlock;
    const Piece piece{row, std::min(kRowsBlock, out.rows - row), column,
                      std::min(kPanelColumns, out.columns - column)};
    multiply_piece(c, left, right, piece, out, into);
  });
}

template <typename T>
void multiply_serial(const Compute& c, const Left<T>& left, const Right<T>& right, Matrix<T> out,
                     Into into) {
  check_shapes(left, right, out);
  for (int64_t column = 0; column < out.columns; column += kPanelColumns) {
    const Piece piece{0, out.rows, column, std::min(kPanelColumns, out.columns - column)};
    multiply_piece(c, left, right, piece, out, into);
  }
}

template struct Right<float>;
template struct Right<double>;
template void multiply(Compute&, const Left<float>&, const Right<float>&, Matrix<float>, Into);
template void multiply(Compute&, const Left<double>&, const Right<double>&, Matrix<double>, Into);
template void multiply_serial(const Compute&, const Left<float>&, const Right<float>&,
                              Matrix<float>, Into);
template void multiply_serial(const Compute&, const Left<double>&, const Right<double>&,
                              Matrix<double>, Into);

}  // namespace hearth::train
