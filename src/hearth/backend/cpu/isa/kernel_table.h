// The inner loops that exist once per instruction set, as a table of functions. All of them see 16
// lanes and reduce them in one fixed order, with fused multiply-add everywhere: every instruction
// set gives the same bits.
//
// This header is all that instruction-set objects share with the rest of Hearth: plain types only,
// no inline functions, so that no AVX-512 copy of a common function can reach other code (a test
// reads the symbols). `HEARTH_CPU_ISA` forces one: scalar, avx2, avxvnni, avx512, neon, neondot.
#pragma once

#include <cstdint>

namespace hearth::cpu {

// The weight formats that the integer kernels read (see int8_formats.inc and grid_formats.inc), in
// the order of KernelTable::multiply_packed.
enum class PackedFormat : uint8_t {
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
  iq2_xxs,
  iq2_xs,
  iq2_s,
  iq3_xxs,
  iq3_s,
  iq1_s,
  iq1_m,
  tq1_0,
  tq2_0,
};
inline constexpr int kPackedFormats = 22;
inline constexpr int64_t kGroupRows = 16;       // weight rows that are packed together: one a lane
inline constexpr int64_t kQuantizedBlock = 32;  // columns of activations that share one scale

// Activations in eight bits. Block b of row r has index b * rows + r in every plane; value = scale
// * q. The sums serve offsets and mins of weights: bias = -offset * sum(q), minus_sum = -scale *
// sum(q), over 32 columns and over each half of them.
struct QuantizedRows {
  int8_t* q;           // [blocks, rows, 32]
  float* scale;        // [blocks, rows]
  int32_t* bias32;     // [blocks, rows]
  int32_t* bias16;     // [blocks, rows, 2]
  float* minus_sum32;  // [blocks, rows]
  float* minus_sum16;  // [blocks, rows, 2]
  int64_t rows;
  int64_t blocks;
};

// What the right side of a float product is made of; i8 are whole numbers without a scale.
enum class FloatFormat : uint8_t { f32, f16, bf16, i8 };

// c = a * b, or c += a * b: rows x k times k x (chunks * 16). Strides are in elements.
struct FloatGemm {
  const float* a;  // element (row, k) at a[row * a_row + k * a_k]
  int64_t a_row, a_k;
  int64_t rows, k;
  const void* b;  // 16 columns of row k at b[k * b_k + chunk * b_chunk]
  FloatFormat b_format;
  int64_t b_k, b_chunk;
  int64_t chunks;
  float* c;  // 16 columns of a row at c[row * c_row + chunk * c_chunk]
  int64_t c_row, c_chunk;
  bool accumulate;
};

// c = a * b as FloatGemm, for 32 rows of F8_E4M3 weights whose blocks of 128 columns have scales.
struct F8Gemm {
  const float* a;  // element (row, k) at a[row * a_row + k]
  int64_t a_row;
  int64_t rows, k;          // rows at most kF8Rows
  const uint8_t* b;         // [k][32]
  const float* tile_scale;  // 256 times the scale, for each 128 of k
  const float* row_factor;  // [32]: what whole weight rows are multiplied by, 1 or NaN
  int64_t chunks;           // of 16 weight rows: 1 or 2
  float* c;                 // [chunk][row][16]
};
inline constexpr int64_t kF8Rows = 64;

// Latents of a KV block in q8_0, [64][blocks * 32] and scales [blocks][64], before 16 queries
// across lanes, in eight bits too: quads [blocks * 8][16][4], scales and -128 or 0 times the sums
// of their bytes [blocks][16], as quantize_row gives them.
struct LatentBlock {
  const int8_t* q;
  const float* scale;
  int64_t blocks;
  int64_t count;  // positions
};
struct LaneQueries {
  const uint8_t* quads;
  const float* scale;
  const int32_t* bias;
};

// A query's running maximum (of scaled scores) and sum.
struct SoftmaxState {
  float top, sum;
};

struct KernelTable {
  const char* name;

  // out[x * out_stride + w] = dot(weights + w * w_stride, xs + x * x_stride), n elements, for all
  // w < w_rows, x < x_rows. A pair's bits do not depend on the pairs around it.
  void (*dot_tile)(const float* weights, int64_t w_stride, int64_t w_rows, const float* xs,
                   int64_t x_stride, int64_t x_rows, int64_t n, float* out, int64_t out_stride);
  // y += a * x
  void (*axpy)(float a, const float* x, float* y, int64_t n);
  // out = a * b, n a multiple of 16
  void (*product)(const float* a, const float* b, float* out, int64_t n);
  // y *= a
  void (*scale)(float a, float* y, int64_t n);
  void (*widen_bf16)(const uint16_t* in, float* out, int64_t n);
  void (*widen_f16)(const uint16_t* in, float* out, int64_t n);
  // Q8_0 blocks (f16 scale, 32 signed bytes) to 32 floats each; the same bits as the codec.
  void (*decode_q8_0)(const uint8_t* in, float* out, int64_t blocks);

  void (*float_gemm)(const FloatGemm& gemm);
  void (*f8_gemm)(const F8Gemm& gemm);
  // See softmax.inc.
  float (*softmax_row)(float* scores, int64_t seen, float scale, SoftmaxState* state);
  void (*softmax_lanes)(float* scores, int64_t stride, int64_t count, float scale,
                        const int32_t* first_hidden, float* top, float* sum, float* shrink);
  void (*merge_softmax)(SoftmaxState* into, float* mix, SoftmaxState from, const float* other,
                        int64_t n);

  // See latents.inc.
  void (*widen_latents)(const LatentBlock& x, float* out);
  void (*score_latents)(const LatentBlock& x, const LaneQueries& queries, float* scores);

  // gate = silu(gate) * up, n a multiple of 16
  void (*swiglu)(float* gate, const float* up, int64_t n);

  // Row `row` of x from in [x.blocks * 32].
  void (*quantize_row)(const float* in, const QuantizedRows& x, int64_t row);
  // out[g][t][lane] = row g * 16 + lane of the packed weights times row t of x, for 1 or 2 groups
  // that lie `stride` bytes apart.
  using MultiplyPacked = void (*)(const uint8_t* w, int64_t groups, int64_t stride,
                                  const QuantizedRows& x, float* out);
  MultiplyPacked multiply_packed[kPackedFormats];
};

namespace isa_scalar {
const KernelTable& table();
}
#if defined(__x86_64__)
namespace isa_avx2 {
const KernelTable& table();
}
namespace isa_avxvnni {
const KernelTable& table();
}
namespace isa_avx512 {
const KernelTable& table();
}
#elif defined(__aarch64__)
namespace isa_neon {
const KernelTable& table();
}
namespace isa_neondot {
const KernelTable& table();
}
#endif

}  // namespace hearth::cpu
