// See matvec.h. A warp has two rows of weights at a time and walks along them, 16 bytes a lane and
// step, several steps in flight; the activations come from the caches. Sums of lanes are added in a
// fixed order.
#include "hearth/backend/cuda/linear/matvec.h"

#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/storages.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

constexpr int kPairsEnough = 16;  // pairs of rows of a processor that keep it busy
constexpr int kWarps = 4;         // of a block
// Steps of a lane in flight, of each of its rows: as many as registers hold.
template <Storage S, int M>
constexpr int kFlightOf = !is_integer(S) && (S == Storage::f8 || M >= 4) ? 2 : 4;

// The rows of a warp: of one matrix, or the same of two; and which of their chunks are its share.
struct RowPair {
  const MatrixView& first;
  const MatrixView& second;
  int first_row, second_row;
  int begin, end;
};

// sums[0..M) of the first row with x rows ids[0..M), sums[M..2M) of the second; in every lane.
template <Storage S, int M>
__device__ __forceinline__ void dot_pair(const RowPair& w, const RowsView& x, const int (&ids)[M],
                                         float (&sums)[2][M]) {
  using R = Reader<S>;
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) sums[0][m] = sums[1][m] = 0.0f;
  constexpr int kFlight = kFlightOf<S, M>;
  const int chunks = w.end;
  int chunk = w.begin + simt::lane_index();
  for (; chunk + (kFlight - 1) * kWarp < chunks; chunk += kFlight * kWarp) {
    typename R::Loaded a[kFlight], b[kFlight];
    HEARTH_UNROLL
    for (int j = 0; j < kFlight; ++j) {
      a[j] = R::load(w.first, w.first_row, chunk + j * kWarp);
      b[j] = R::load(w.second, w.second_row, chunk + j * kWarp);
    }
    HEARTH_UNROLL
    for (int j = 0; j < kFlight; ++j) {
      HEARTH_UNROLL
      for (int m = 0; m < M; ++m) {
        R::add(a[j], w.first, x, ids[m], chunk + j * kWarp, sums[0][m]);
        R::add(b[j], w.second, x, ids[m], chunk + j * kWarp, sums[1][m]);
      }
    }
  }
  for (; chunk < chunks; chunk += kWarp) {
    const auto a = R::load(w.first, w.first_row, chunk);
    const auto b = R::load(w.second, w.second_row, chunk);
    HEARTH_UNROLL
    for (int m = 0; m < M; ++m) {
      R::add(a, w.first, x, ids[m], chunk, sums[0][m]);
      R::add(b, w.second, x, ids[m], chunk, sums[1][m]);
    }
  }
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {
    sums[0][m] = simt::warp_sum(sums[0][m]);
    sums[1][m] = simt::warp_sum(sums[1][m]);
  }
}

// The pair of rows that a warp works for, and its share of their chunks: all, or where a matrix has
// too few rows for the device, a quarter, the block's warps sharing the pair.
struct Share {
  int pair, begin, end;
};
__device__ __forceinline__ Share share_of(int split, int chunks) {
  if (split == 1) {
    return {static_cast<int>(blockIdx.x) * kWarps + simt::warp_index(), 0, chunks};
  }
  const int each = (chunks + kWarps - 1) / kWarps;
  const int begin = simt::warp_index() * each;
  return {static_cast<int>(blockIdx.x), begin, begin + each < chunks ? begin + each : chunks};
}
// Adds the warps' sums, in order; true where this thread has them and stores.
template <int M>
__device__ __forceinline__ bool complete(int split, float (&sums)[2][M]) {
  if (split == 1) return simt::lane_index() == 0;
  __shared__ float shares[kWarps][2 * M];
  if (simt::lane_index() == 0) {
    HEARTH_UNROLL
    for (int m = 0; m < M; ++m) {
      shares[simt::warp_index()][m] = sums[0][m];
      shares[simt::warp_index()][M + m] = sums[1][m];
    }
  }
  simt::block_barrier();
  if (threadIdx.x != 0) return false;
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {
    for (int w = 1; w < kWarps; ++w) {
      sums[0][m] += shares[w][m];
      sums[1][m] += shares[w][M + m];
    }
  }
  return true;
}

__device__ __forceinline__ float silu(float x) {
  return x / (1.0f + expf(-x));
}
__device__ __forceinline__ float biased(float sum, const float* bias, int row) {
  return bias == nullptr ? sum : sum + bias[row];
}
__device__ __forceinline__ void put(float value, Finish finish, float* out) {
  *out = finish == Finish::add ? *out + value : value;
}

template <Storage S, int M>
__device__ __forceinline__ void matvec_swiglu(const MatvecJob& job, const Share& share,
                                              const int (&ids)[M], int valid) {
  const MatvecPart& gate = job.parts[0];
  const MatvecPart& up = job.parts[1];
  const int row = share.pair;
  if (row >= gate.w.rows) return;
  float sums[2][M];
  dot_pair<S, M>({gate.w, up.w, row, row, share.begin, share.end}, job.x, ids, sums);
  if (!complete<M>(job.split, sums)) return;
  for (int m = 0; m < valid; ++m) {
    const float g = biased(sums[0][m], gate.bias, row);
    gate.out[int64_t{ids[m]} * gate.w.rows + row] = silu(g) * biased(sums[1][m], up.bias, row);
  }
}

template <Storage S, int M>
__device__ __forceinline__ void matvec_plain(const MatvecJob& job, const Share& share,
                                             const int (&ids)[M], int valid) {
  int part = 0;
  int pair = share.pair;
  while (part < job.count && pair >= (job.parts[part].w.rows + 1) / 2) {
    pair -= (job.parts[part].w.rows + 1) / 2;
    ++part;
  }
  if (part == job.count) return;
  const MatvecPart& p = job.parts[part];
  const int row = 2 * pair;
  const bool two = row + 1 < p.w.rows;
  float sums[2][M];
  dot_pair<S, M>({p.w, p.w, row, two ? row + 1 : row, share.begin, share.end}, job.x, ids, sums);
  if (!complete<M>(job.split, sums)) return;
  for (int m = 0; m < valid; ++m) {
    float* out = p.out + int64_t{ids[m]} * p.w.rows + row;
    put(biased(sums[0][m], p.bias, row), job.finish, out);
    if (two) put(biased(sums[1][m], p.bias, row + 1), job.finish, out + 1);
  }
}

// The beginning of the warp's rows, which no earlier kernel writes, on its way into the cache.
__device__ __forceinline__ void prefetch_rows(const MatvecJob& job, int warp) {
  constexpr int kLines = kWarp / 2;  // of 128 bytes, of each row
  int part = 0, row = 2 * warp;
  if (job.finish == Finish::swiglu) {
    row = warp;
    part = simt::lane_index() < kLines ? 0 : 1;
  } else {
    while (part < job.count && row >= job.parts[part].w.rows) {
      row -= (job.parts[part].w.rows + 1) / 2 * 2;
      ++part;
    }
    if (part == job.count) return;
    if (simt::lane_index() >= kLines) ++row;
  }
  const MatrixView& w = job.parts[part].w;
  const int64_t bytes = int64_t{w.chunks} * 16;
  const int64_t at = simt::lane_index() % kLines * 128;
  if (row < w.rows && at < bytes) simt::prefetch(w.codes + row * bytes + at);
}

template <Storage S, int M>
__global__ void __launch_bounds__(kWarps* kWarp) matvec_kernel(const MatvecJob job) {
  const Share share = share_of(job.split, job.parts[0].w.chunks);
  prefetch_rows(job, share.pair);
  simt::wait_for_inputs();
  const int first = static_cast<int>(blockIdx.y) * M;
  const int valid = job.rows - first < M ? job.rows - first : M;
  int ids[M];
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {  // rows beyond the last are computed again and not stored
    const int i = first + (m < valid ? m : valid - 1);
    ids[m] = job.row_ids == nullptr ? i : job.row_ids[i];
  }
  if (job.finish == Finish::swiglu) {
    matvec_swiglu<S, M>(job, share, ids, valid);
  } else {
    matvec_plain<S, M>(job, share, ids, valid);
  }
}

template <Storage S>
__global__ void __launch_bounds__(kWarps* kWarp) expert_kernel(const ExpertJob job) {
  simt::wait_for_inputs();
  int pair = static_cast<int>(blockIdx.y);
  if (job.token_ids != nullptr) {
    pair = job.token_ids[pair / job.per_token] * job.per_token + pair % job.per_token;
  }
  const ExpertViews expert = job.experts[job.ids[pair]];
  const int ids[1] = {pair / job.per_row};
  const int warp = static_cast<int>(blockIdx.x) * kWarps + simt::warp_index();
  float* out = job.out + int64_t{pair} * job.rows;
  float sums[2][1];
  if (!job.down) {
    if (warp >= job.rows) return;
    dot_pair<S, 1>({expert.gate, expert.up, warp, warp, 0, expert.gate.chunks}, job.x, ids, sums);
    if (simt::lane_index() == 0) out[warp] = silu(sums[0][0]) * sums[1][0];
    return;
  }
  const int row = 2 * warp;
  if (row >= job.rows) return;
  const bool two = row + 1 < job.rows;
  dot_pair<S, 1>({expert.down, expert.down, row, two ? row + 1 : row, 0, expert.down.chunks}, job.x,
                 ids, sums);
  if (simt::lane_index() != 0) return;
  out[row] = sums[0][0];
  if (two) out[row + 1] = sums[1][0];
}

unsigned blocks_of(int64_t warps) {
  return static_cast<unsigned>((warps + kWarps - 1) / kWarps);
}

}  // namespace

int split_of(int64_t pairs, int chunks, int processors) {
  const bool few = pairs < int64_t{processors} * kPairsEnough;
  return few && chunks >= kWarps * kWarp ? kWarps : 1;
}

void matvec(Stream& stream, const MatvecJob& given) {
  MatvecJob job = given;
  if (job.rows == 0) return;
  int64_t warps = 0;
  if (job.finish == Finish::swiglu) {
    warps = job.parts[0].w.rows;
  } else {
    for (int i = 0; i < job.count; ++i) warps += (job.parts[i].w.rows + 1) / 2;
  }
  job.split = split_of(warps, job.parts[0].w.chunks, stream.facts().processors);
  Grid grid;
  grid.x = job.split == 1 ? blocks_of(warps) : static_cast<unsigned>(warps);
  grid.threads = kWarps * kWarp;
  const int m = job.rows == 1 ? 1 : job.rows == 2 ? 2 : job.rows <= 4 ? 4 : 8;
  grid.y = static_cast<unsigned>((job.rows + m - 1) / m);
  with_storage(job.parts[0].w.storage, [&]<Storage S>() {
    if (m == 1) return launch(stream, grid, matvec_kernel<S, 1>, job);
    if (m == 2) return launch(stream, grid, matvec_kernel<S, 2>, job);
    if (m == 4) return launch(stream, grid, matvec_kernel<S, 4>, job);
    launch(stream, grid, matvec_kernel<S, 8>, job);
  });
}

void expert_matvec(Stream& stream, const ExpertJob& job) {
  if (job.pairs == 0) return;
  Grid grid;
  grid.x = blocks_of(job.down ? (job.rows + 1) / 2 : job.rows);
  grid.y = static_cast<unsigned>(job.pairs);
  grid.threads = kWarps * kWarp;
  with_storage(job.storage, [&]<Storage S>() { launch(stream, grid, expert_kernel<S>, job); });
}

}  // namespace hearth::cuda
