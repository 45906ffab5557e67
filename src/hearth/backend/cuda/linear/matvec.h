// Few rows of activations by whole matrices: the kernel of generated tokens, whose speed is that of
// the memory. A row of activations has the same result however many come with it.
#pragma once

#include "hearth/backend/cuda/linear/matrix_view.h"
#include "hearth/backend/cuda/runtime/stream.h"

namespace hearth::cuda {

enum class Finish : uint8_t {
  store,   // out = W x + b
  add,     // out += W x + b
  swiglu,  // out = silu(parts[0] x + b) * (parts[1] x + b)
};

inline constexpr int kPartsMax = 4;

struct MatvecPart {
  MatrixView w;
  const float* bias = nullptr;  // [w.rows], may be null
  float* out = nullptr;         // [rows][w.rows]
};

// Matrices of one storage that share their input.
struct MatvecJob {
  MatvecPart parts[kPartsMax];
  int32_t count = 0;
  RowsView x;
  const int32_t* row_ids = nullptr;  // rows of x and out to compute; null: the first `rows`
  int32_t rows = 0;
  Finish finish = Finish::store;
  // With one row: x.floats is what comes before `norm` and, for integer weights, rounding; both are
  // done on the way.
  bool raw = false;
  bool fresh = false;  // the weights were made in this step, and can't be read before its kernels
  NormView norm;
};

void matvec(Stream& stream, const MatvecJob& job);
// Into how many parts matvec cuts the rows: by the matrices and the device, never by the batch.
int split_of(int64_t units, int steps, int processors);

// One expert's matrices; a layer has a table of them in device memory.
struct ExpertViews {
  MatrixView gate, up, down;
};

// `gate_up`: silu(gate x) * (up x), where both are of one storage.
enum class ExpertMatrices : uint8_t { gate_up, gate, up, down };

// Row p of `out` [pairs][matrix.rows] is the product of expert ids[p]'s matrix with row
// p / per_row of x. Pairs are those of all tokens, or of the tokens `token_ids`; of them those
// whose experts have the job's storage.
struct ExpertJob {
  const ExpertViews* experts = nullptr;  // on the device
  const int32_t* ids = nullptr;          // an expert for each pair, on the device
  const int32_t* token_ids = nullptr;    // [pairs / per_token], on the device; null: all
  int32_t per_token = 1;                 // pairs of a token
  RowsView x;
  float* out = nullptr;
  int32_t pairs = 0;    // to compute
  int32_t per_row = 1;  // pairs that share a row of x
  int32_t rows = 0;     // of the matrices
  Storage storage = Storage::f32;
  ExpertMatrices which = ExpertMatrices::gate_up;
};

void expert_matvec(Stream& stream, const ExpertJob& job);

}  // namespace hearth::cuda
