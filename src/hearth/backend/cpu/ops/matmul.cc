// See matmul.h. In the float path four weight rows are decoded at a time: they stay in L1 while the
// tile's activations pass over them.
#include "hearth/backend/cpu/ops/matmul.h"

#include "hearth/backend/cpu/pack/mapped_matrix.h"
#include "hearth/formats/codec.h"

namespace hearth::cpu {
namespace {

constexpr int64_t kDecodedRows = 4;

void multiply_decoded(const KernelTable& kernels, const Tensor& weight, const Activations& x,
                      int64_t first, int64_t count, int64_t row, float* out) {
  thread_local std::vector<float> scratch;
  const int64_t n = weight.columns();
  const int64_t end = std::min(row + kPairRows, weight.rows());
  for (int64_t w = row; w < end; w += kDecodedRows) {
    const int64_t rows = std::min(kDecodedRows, end - w);
    float* group = out + (w - row) / kGroupRows * count * kGroupRows;
    kernels.dot_tile(decode_rows(kernels, weight, w, rows, scratch), n, rows, x.f32.f32_row(first),
                     x.f32.row_bytes / 4, count, n, group + (w - row) % kGroupRows, kGroupRows);
  }
}

}  // namespace

bool is_mapped(const Weight& weight) {
  return weight.form && static_cast<const PackedMatrix&>(*weight.form).mapped;
}

bool wants_eight_bits(const Weight& weight) {
  return weight.form &&
         static_cast<const PackedMatrix&>(*weight.form).kind == PackedMatrix::Kind::integers;
}

QuantizedRows quantized_planes(int64_t rows, int64_t columns, std::byte* memory) {
  const int64_t blocks = columns / kQuantizedBlock;
  const int64_t all = rows * blocks;
  QuantizedRows x;
  x.q = reinterpret_cast<int8_t*>(memory);
  x.scale = reinterpret_cast<float*>(memory + 32 * all);
  x.bias32 = reinterpret_cast<int32_t*>(memory + 36 * all);
  x.bias16 = reinterpret_cast<int32_t*>(memory + 40 * all);
  x.minus_sum32 = reinterpret_cast<float*>(memory + 48 * all);
  x.minus_sum16 = reinterpret_cast<float*>(memory + 52 * all);
  x.rows = rows;
  x.blocks = blocks;
  return x;
}

QuantizedRows tile_of(const QuantizedRows& x, int64_t first, int64_t count) {
  QuantizedRows tile = x;
  const int64_t skip = first * x.blocks;
  tile.q += 32 * skip;
  tile.scale += skip;
  tile.bias32 += skip;
  tile.bias16 += 2 * skip;
  tile.minus_sum32 += skip;
  tile.minus_sum16 += 2 * skip;
  tile.rows = count;
  return tile;
}

void multiply_tile(const KernelTable& kernels, const Weight& weight, const Activations& x,
                   int64_t first, int64_t count, int64_t row, float* out) {
  if (!weight.form) return multiply_decoded(kernels, weight.tensor, x, first, count, row, out);
  const auto& packed = static_cast<const PackedMatrix&>(*weight.form);
  const int64_t groups = std::min<int64_t>(2, ceil_div(weight.out() - row, kGroupRows));
  const uint8_t* panel = packed.mapped ? packed_rows(static_cast<const MappedMatrix&>(packed), row)
                                       : packed.group(row / packed.group_rows());
  if (packed.kind == PackedMatrix::Kind::f8) {
    const auto* floats = reinterpret_cast<const float*>(panel + kPanelRows * weight.in());
    kernels.f8_gemm({x.f32.f32_row(first), x.f32.row_bytes / 4, count, weight.in(), panel,
                     floats + kPanelRows, floats, groups, out});
    return;
  }
  if (packed.kind == PackedMatrix::Kind::floats) {
    kernels.float_gemm({x.f32.f32_row(first), x.f32.row_bytes / 4, 1, count, weight.in(), panel,
                        packed.float_format, kPanelRows, kGroupRows, groups, out, kGroupRows,
                        count * kGroupRows, false});
    return;
  }
  kernels.multiply_packed[static_cast<size_t>(packed.format)](panel, groups, packed.group_bytes,
                                                              tile_of(x.q, first, count), out);
}

void decode_span(const KernelTable& kernels, const Tensor& t, int64_t row, int64_t first,
                 int64_t count, float* out) {
  const auto* halves = reinterpret_cast<const uint16_t*>(t.row(row));
  constexpr int64_t kQ8 = format_info(Format::q8_0).block_elements;
  if (t.format == Format::bf16) {
    kernels.widen_bf16(halves + first, out, count);
  } else if (t.format == Format::f16) {
    kernels.widen_f16(halves + first, out, count);
  } else if (t.format == Format::q8_0 && first == 0 && count % kQ8 == 0) {
    kernels.decode_q8_0(reinterpret_cast<const uint8_t*>(t.row(row)), out, count / kQ8);
  } else {
    decode_row(t, row, first, count, out);
  }
}

const float* decode_rows(const KernelTable& kernels, const Tensor& weight, int64_t begin,
                         int64_t count, std::vector<float>& scratch) {
  const int64_t n = weight.columns();
  if (weight.format == Format::f32 && weight.row_bytes == n * 4) return weight.f32_row(begin);
  if (static_cast<int64_t>(scratch.size()) < count * n) {
    scratch.resize(static_cast<size_t>(count * n));
  }
  for (int64_t i = 0; i < count; ++i) {
    decode_span(kernels, weight, begin + i, 0, n, scratch.data() + i * n);
  }
  return scratch.data();
}

}  // namespace hearth::cpu
