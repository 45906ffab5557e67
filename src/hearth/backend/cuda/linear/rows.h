// Work on single rows of activations: norms, eight-bit rounding, gathering, embedding.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/runtime/stream.h"

namespace hearth::cuda {

// RMS norm of `count` rows [columns] at `stride` floats from each other. out may be x.
void rms_norm(Stream& stream, const float* x, int64_t count, int32_t columns, int64_t stride,
              const NormView& norm, float* out);

// norm(x) [rows][columns] to `out`, where it isn't null, and rounded to codes [rows][columns] and
// blocks [rows][columns / 32]: scale = max |x|
// / 127, codes to the nearest, ties to even. NaN or infinity makes a block NaN.
void quantize_rows(Stream& stream, const float* x, int32_t rows, int32_t columns,
                   const NormView& norm, float* out, int8_t* codes, BlockScale* blocks);

// out[i] = row ids[i] of x [.., columns].
void gather(Stream& stream, const float* x, const int64_t* ids, int32_t count, int32_t columns,
            float* out);

// out[i] [table.columns] = row ids[i] of the table, as floats.
void embed(Stream& stream, const MatrixView& table, const int32_t* ids, int32_t count, float* out);

// gate[i] = silu(gate[i]) * up[i].
void swiglu(Stream& stream, float* gate, const float* up, int64_t count);

// x[t] += sum over k, in order, of weights[t, k] * y[t, k].
void mix_experts(Stream& stream, const float* y, const float* weights, int32_t tokens,
                 int32_t per_token, int32_t columns, float* x);

}  // namespace hearth::cuda
