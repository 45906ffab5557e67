// See matvec.h. A warp has four rows of weights at a time, eight lanes each. Blocks stay for as
// many rows as their share is, and the loads of what comes next are always in flight, those of the
// first rows even before the kernel's input is there. Sums of lanes are added in a fixed order.
#include "hearth/backend/cuda/linear/matvec.h"

#include "hearth/backend/cuda/linear/chunk_dot.h"
#include "hearth/backend/cuda/linear/finish.h"
#include "hearth/backend/cuda/linear/row_input.h"
#include "hearth/backend/cuda/linear/storages.h"
#include "hearth/backend/cuda/linear/tensor_matvec.h"

namespace hearth::cuda {
namespace {

using simt::kWarp;

constexpr int kThreads = kRowThreads;
constexpr int kWarps = kThreads / kWarp;
constexpr int kUnitRows = kWarp / kRowLanes;
constexpr int kBlocks = 2;  // of a processor
// Steps of a group: of a lane's two groups one is on its way while the other is multiplied.
template <Storage S, int M>
constexpr int kGroup = S == Storage::q8_0 ? 2
                       : S == Storage::f8 ? (M >= 8 ? 1 : 2)
                       : is_integer(S)    ? (M == 1 ? 3 : 2)
                                          : (M >= 8 ? 2 : 4);

// Where in its unit a lane works.
__device__ __forceinline__ int unit_row() {
  return simt::lane_index() / kRowLanes;
}
__device__ __forceinline__ int row_lane() {
  return simt::lane_index() % kRowLanes;
}

// The steps of a row that are a warp's: all, or where a job has too few rows for the device, a
// part.
struct Range {
  int begin, end;
};

// Some steps of a lane, loaded together: waiting for one of several loads waits for all, so that
// what comes next must be of another group.
template <Storage S, int M>
struct Group {
  static constexpr int kSteps = kGroup<S, M>;
  typename Reader<S>::Loaded steps[kSteps];

  // Steps first .. of a row, those below `end`.
  __device__ __forceinline__ void load(const WeightRow& row, int first, int end) {
    if (first + kSteps <= end) {
      HEARTH_UNROLL
      for (int j = 0; j < kSteps; ++j) steps[j] = Reader<S>::load_step(row, first + j, row_lane());
      return;
    }
    HEARTH_UNROLL
    for (int j = 0; j < kSteps; ++j) {
      if (first + j < end) steps[j] = Reader<S>::load_step(row, first + j, row_lane());
    }
  }
  __device__ __forceinline__ void add(const WeightRow& row, int first, int end,
                                      const InputRow (&x)[M], float (&sums)[M]) const {
    if (first + kSteps <= end) {
      HEARTH_UNROLL
      for (int j = 0; j < kSteps; ++j) add_step(row, first, j, x, sums);
      return;
    }
    HEARTH_UNROLL
    for (int j = 0; j < kSteps; ++j) {
      if (first + j < end) add_step(row, first, j, x, sums);
    }
  }

 private:
  __device__ __forceinline__ void add_step(const WeightRow& row, int first, int j,
                                           const InputRow (&x)[M], float (&sums)[M]) const {
    HEARTH_UNROLL
    for (int m = 0; m < M; ++m) {
      Reader<S>::add_step(steps[j], row, x[m], first + j, row_lane(), sums[m]);
    }
  }
};

// Adds the lane's share of the products of a row, whose first group is on its way in `first`, to
// sums; leaves there the first group of `next`, where there is a next one.
template <Storage S, int M>
__device__ __forceinline__ void walk(Group<S, M>& first, const WeightRow& row,
                                     const WeightRow& next, bool has_next, const Range& range,
                                     const InputRow (&x)[M], float (&sums)[M]) {
  constexpr int kSteps = Group<S, M>::kSteps;
  Group<S, M> second;
  for (int step = range.begin; step < range.end; step += 2 * kSteps) {
    second.load(row, step + kSteps, range.end);
    first.add(row, step, range.end, x, sums);
    const bool on = step + 2 * kSteps < range.end;
    const WeightRow from = on ? row : next;
    first.load(from, on ? step + 2 * kSteps : range.begin, on || has_next ? range.end : 0);
    second.add(row, step + kSteps, range.end, x, sums);
  }
}

// The sum over the lanes of a row, in all of them.
__device__ __forceinline__ float row_sum(float v) {
  HEARTH_UNROLL
  for (int mask = 1; mask < kRowLanes; mask *= 2) v += simt::shuffle_xor(v, mask);
  return v;
}

// Which rows a block's warps have, and when: units of four, `split` warps for each, the blocks in
// turn.
struct Schedule {
  int units, split;
  int count;  // units of a block at a time

  __device__ __forceinline__ Schedule(int all, int parts)
      : units(all), split(parts), count(kWarps / parts) {}
  __device__ __forceinline__ int first() const { return static_cast<int>(blockIdx.x) * count; }
  __device__ __forceinline__ int stride() const { return static_cast<int>(gridDim.x) * count; }
  __device__ __forceinline__ int own() const { return simt::warp_index() / split; }
  __device__ __forceinline__ int part() const { return simt::warp_index() % split; }
  __device__ __forceinline__ Range range(int steps) const {
    const int each = (steps + split - 1) / split;
    const int begin = part() * each;
    return {begin, begin + each < steps ? begin + each : steps};
  }
};

// The lane's row of a unit: in which matrix, and its number, which may lie beyond the last.
struct Place {
  int part, row;
};
__device__ __forceinline__ Place place_of(const MatvecJob& job, int unit) {
  if (job.finish == Finish::swiglu) {  // two rows of each matrix
    return {unit_row() / 2, unit * (kUnitRows / 2) + unit_row() % 2};
  }
  int part = 0;
  while (part + 1 < job.count && unit >= (job.parts[part].w.rows + kUnitRows - 1) / kUnitRows) {
    unit -= (job.parts[part].w.rows + kUnitRows - 1) / kUnitRows;
    ++part;
  }
  return {part, unit * kUnitRows + unit_row()};
}
template <Storage S>
__device__ __forceinline__ WeightRow row_at(const MatvecJob& job, const Place& place) {
  const MatrixView& w = job.parts[place.part].w;
  return weight_row<S>(w, place.row < w.rows ? place.row : w.rows - 1);
}

template <int M>
__device__ __forceinline__ void finish_unit(const MatvecJob& job, const Place& place,
                                            const int (&ids)[M], int valid, float (&sums)[M]) {
  const MatvecPart& p = job.parts[place.part];
  const bool stores = row_lane() == 0 && place.row < p.w.rows;
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {
    float value = biased(row_sum(sums[m]), p.bias, place.row < p.w.rows ? place.row : 0);
    if (job.finish == Finish::swiglu) {
      const float up = simt::shuffle_xor(value, kWarp / 2);
      if (place.part == 1) continue;
      value = silu(value) * up;
    }
    if (!stores || m >= valid) continue;
    float* out = p.out + int64_t{ids[m]} * p.w.rows + place.row;
    *out = job.finish == Finish::add ? *out + value : value;
  }
}

// Sums of the parts of a split row, in order, to the warp of the first part; true there.
template <int M>
__device__ __forceinline__ bool join_parts(const Schedule& schedule, int turn, float (&sums)[M]) {
  if (schedule.split == 1) return true;
  __shared__ float shares[2][M][kThreads];
  const int at = static_cast<int>(threadIdx.x);
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) shares[turn][m][at] = sums[m];
  simt::block_barrier();  // the shares of the turn before have been read
  if (schedule.part() != 0) return false;
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {
    for (int i = 1; i < schedule.split; ++i) sums[m] += shares[turn][m][at + i * kWarp];
  }
  return true;
}

// A raw row in the block's shared memory, normed and rounded as its job wants it.
template <Storage S, bool kInteger = is_integer(S)>
__device__ __forceinline__ InputRow stage_input(const MatvecJob& job, int id) {
  __shared__ double slots[kWarps];
  const int columns = job.x.columns;
  const float* from = job.x.floats + int64_t{id} * columns;
  unsigned char* memory = simt::shared_memory();
  InputRow x{};
  x.columns = columns;
  if constexpr (kInteger) {
    auto* codes = reinterpret_cast<int8_t*>(memory);
    auto* blocks = reinterpret_cast<BlockScale*>(memory + columns);
    quantize_row(from, columns, job.norm, slots, nullptr, codes, blocks);
    x.codes = codes;
    x.blocks = blocks;
  } else {
    auto* floats = reinterpret_cast<float*>(memory);
    norm_row(from, columns, job.norm, slots, floats);
    x.floats = floats;
  }
  simt::block_barrier();
  return x;
}
__device__ __forceinline__ void prefetch_norm(const MatvecJob& job) {
  constexpr int kLine = 32;  // floats
  const int at = static_cast<int>(threadIdx.x) * kLine;
  if (job.norm.weight != nullptr && at < job.x.columns) simt::prefetch(job.norm.weight + at);
}

template <Storage S, int M, bool kRaw>
__global__ void __launch_bounds__(kThreads, kBlocks)
    matvec_kernel(const __grid_constant__ MatvecJob job, int units, int split) {
  using R = Reader<S>;
  const Schedule schedule(units, split);
  const int chunks = job.parts[0].w.chunks;
  const Range range = schedule.range((chunks + R::kStepChunks - 1) / R::kStepChunks);
  int unit = schedule.first() + schedule.own();
  Place place = place_of(job, unit);
  WeightRow row = row_at<S>(job, place);
  Group<S, M> flight;
  if (job.fresh) simt::wait_for_inputs();
  if (unit < units) flight.load(row, range.begin, range.end);
  if constexpr (kRaw) prefetch_norm(job);
  simt::wait_for_inputs();

  const int first = static_cast<int>(blockIdx.y) * M;
  const int valid = job.rows - first < M ? job.rows - first : M;
  int ids[M];
  InputRow x[M];
  HEARTH_UNROLL
  for (int m = 0; m < M; ++m) {  // rows beyond the last are computed again and not stored
    const int i = first + (m < valid ? m : valid - 1);
    ids[m] = job.row_ids == nullptr ? i : job.row_ids[i];
    if constexpr (kRaw) {
      x[m] = stage_input<S>(job, ids[m]);
    } else {
      x[m] = input_row(job.x, ids[m]);
    }
  }
  int turn = 0;
  for (int base = schedule.first(); base < units; base += schedule.stride()) {
    const int next_unit = unit + schedule.stride();
    const Place next_place = place_of(job, next_unit);
    const WeightRow next = row_at<S>(job, next_place);
    float sums[M] = {};
    if (unit < units) walk<S, M>(flight, row, next, next_unit < units, range, x, sums);
    const bool whole = join_parts<M>(schedule, turn, sums);
    if (whole && unit < units) finish_unit<M>(job, place, ids, valid, sums);
    unit = next_unit;
    place = next_place;
    row = next;
    turn = 1 - turn;
  }
}

template <Storage S>
__global__ void __launch_bounds__(kThreads) expert_kernel(const ExpertJob job) {
  simt::wait_for_inputs();
  int pair = static_cast<int>(blockIdx.y);
  if (job.token_ids != nullptr) {
    pair = job.token_ids[pair / job.per_token] * job.per_token + pair % job.per_token;
  }
  const ExpertViews& expert = job.experts[job.ids[pair]];
  const int unit = static_cast<int>(blockIdx.x) * kWarps + simt::warp_index();
  const bool paired = job.which == ExpertMatrices::gate_up;
  const bool is_up = paired && unit_row() >= kUnitRows / 2;
  const MatrixView& w = is_up ? expert.up : first_of(expert, job.which);
  if (w.storage != S) return;
  const int at = paired ? unit * (kUnitRows / 2) + unit_row() % (kUnitRows / 2)
                        : unit * kUnitRows + unit_row();
  const WeightRow row = weight_row<S>(w, at < w.rows ? at : w.rows - 1);
  const Range range = {0, (row.chunks + Reader<S>::kStepChunks - 1) / Reader<S>::kStepChunks};
  const InputRow x[1] = {input_row(job.x, pair / job.per_row)};
  Group<S, 1> flight;
  flight.load(row, range.begin, range.end);
  float sums[1] = {};
  walk<S, 1>(flight, row, row, false, range, x, sums);
  float value = row_sum(sums[0]);
  if (paired) {
    const float up = simt::shuffle_xor(value, kWarp / 2);
    value = silu(value) * up;
  }
  if (row_lane() == 0 && !is_up && at < w.rows) job.out[int64_t{pair} * job.rows + at] = value;
}

int units_of(int32_t rows, int each) {
  return (rows + each - 1) / each;
}

size_t staged_bytes(const MatvecJob& job, Storage storage) {
  const auto columns = static_cast<size_t>(job.x.columns);
  return is_integer(storage) ? columns + columns / 32 * sizeof(BlockScale)
                             : columns * sizeof(float);
}

}  // namespace

int split_of(int64_t units, int steps, int processors) {
  const int64_t enough = int64_t{processors} * kBlocks * kWarps;
  int split = 1;
  while (split < kWarps && units * split < enough && steps >= 4 * split) split *= 2;
  return split;
}

void matvec(Stream& stream, const MatvecJob& job) {
  if (job.rows == 0) return;
  const int processors = stream.facts().processors;
  int units = 0;
  if (job.finish == Finish::swiglu) {
    units = units_of(job.parts[0].w.rows, kUnitRows / 2);
  } else {
    for (int i = 0; i < job.count; ++i) units += units_of(job.parts[i].w.rows, kUnitRows);
  }
  const int m = job.rows == 1 ? 1 : job.rows == 2 ? 2 : job.rows <= 4 ? 4 : 8;
  with_storage(job.parts[0].w.storage, [&]<Storage S>() {
    constexpr int kStepChunks = Reader<S>::kStepChunks;
    const int split =
        split_of(units, (job.parts[0].w.chunks + kStepChunks - 1) / kStepChunks, processors);
    if (job.rows > 1 && has_byte_blocks(S)) return tensor_matvec(stream, job, split);
    const int blocks = units_of(units, kWarps / split);
    Grid grid;
    grid.x = static_cast<unsigned>(blocks < processors * kBlocks ? blocks : processors * kBlocks);
    grid.y = static_cast<unsigned>((job.rows + m - 1) / m);
    grid.threads = kThreads;
    if (job.raw) {
      grid.shared_bytes = staged_bytes(job, S);
      return launch(stream, grid, matvec_kernel<S, 1, true>, job, units, split);
    }
    if (m == 1) return launch(stream, grid, matvec_kernel<S, 1, false>, job, units, split);
    if constexpr (!has_byte_blocks(S)) {
      if (m == 2) return launch(stream, grid, matvec_kernel<S, 2, false>, job, units, split);
      if (m == 4) return launch(stream, grid, matvec_kernel<S, 4, false>, job, units, split);
      launch(stream, grid, matvec_kernel<S, 8, false>, job, units, split);
    }
  });
}

void expert_matvec(Stream& stream, const ExpertJob& job) {
  if (job.pairs == 0) return;
  Grid grid;
  const int units =
      units_of(job.rows, job.which == ExpertMatrices::gate_up ? kUnitRows / 2 : kUnitRows);
  grid.x = static_cast<unsigned>(units_of(units, kWarps));
  grid.y = static_cast<unsigned>(job.pairs);
  grid.threads = kThreads;
  with_storage(job.storage, [&]<Storage S>() { launch(stream, grid, expert_kernel<S>, job); });
}

}  // namespace hearth::cuda
