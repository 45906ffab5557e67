// See matmul.h. Four weight rows are decoded at a time: they stay in L1 while all activation rows
// pass over them, so decoding is paid once a step.
#include "hearth/backend/cpu/ops/matmul.h"

#include <algorithm>

#include "hearth/formats/codec.h"

namespace hearth::cpu {
namespace {

constexpr int64_t kDecodedRows = 4;

}  // namespace

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

void multiply(const KernelTable& kernels, const Tensor& weight, int64_t begin, int64_t end,
              const ActivationRows& x, float* out, int64_t out_stride) {
  thread_local std::vector<float> scratch;
  const int64_t n = weight.columns();
  for (int64_t w = begin; w < end; w += kDecodedRows) {
    const int64_t count = std::min(kDecodedRows, end - w);
    const float* rows = decode_rows(kernels, weight, w, count, scratch);
    kernels.dot_tile(rows, n, count, x.base, x.stride, x.rows, n, out + (w - begin), out_stride);
  }
}

}  // namespace hearth::cpu
