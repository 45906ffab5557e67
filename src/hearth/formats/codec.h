// Rows of any format to and from float32, through the scalar codecs: correct everywhere at once.
// Data may lie at any address (files promise no alignment). Bytes are not trusted: any pattern
// decodes to some float, NaN included.
#pragma once

#include "hearth/base/status.h"
#include "hearth/tensor/tensor.h"

namespace hearth {

// out[0, cols) = elements [col_begin, col_begin + cols) of row `row`; the range need not lie on
// block borders. With scales (FP8): value * scale of its 128x128 tile, in float32.
void decode_row(const Tensor& t, int64_t row, int64_t col_begin, int64_t cols, float* out);

// The whole row `row` of a format with an integer view (format_info(f).group > 0) as that view: a
// q for each column, a scale for each group, and a min for each group where the format has mins.
// No scales beside the tensor. See with_format.h.
void decode_row_integers(const Tensor& t, int64_t row, int8_t* q, float* scale, float* min);

// Row `row` of `out` from in[0, out.columns()), whole blocks. No scales: see f8_e4m3/f8_tiles.h for
// those. What the format can't hold turns into infinity or NaN; `convert` refuses it instead.
// importance[0, out.columns()), if not null: how much the square of each column's error weighs; see
// with_format.h.
void encode_row(const float* in, const float* importance, const Tensor& out, int64_t row);
void encode_row(const float* in, const Tensor& out, int64_t row);

// All rows of `out`, row r from in + r * in_stride.
void encode_rows(const float* in, int64_t in_stride, const Tensor& out);

// out = in, re-encoded row by row with one row of scratch; same shape. `in` may carry scales, `out`
// none. A value that the format of `out` can't hold (NaN, infinity, too large) is refused with its
// place: "row 3, column 17: expected a finite value within 65504 for f16, found nan".
Status convert(const Tensor& in, const Tensor& out);

}  // namespace hearth
