// Many rows of activations by whole matrices: tiles of tensor cores, weights of any storage decoded
// to bf16 on the way, activations rounded to bf16, sums in f32. The kernel of prompts. A row's
// result doesn't depend on the rows beside it.
#pragma once

#include "hearth/backend/cuda/linear/matvec.h"

namespace hearth::cuda {

inline constexpr int kTileRows = 128;  // of activations

// Columns of rounded rows, those beyond the given ones zero.
constexpr int32_t rounded_columns(int32_t columns) {
  return (columns + 31) / 32 * 32;
}

// out [rows][rounded_columns(columns)] = x [rows][columns] as bf16.
void round_rows(Stream& stream, const float* x, uint16_t* out, int64_t rows, int32_t columns);

// `job` with its activations in bf16, as round_rows makes them, instead of job.x.
void tiles(Stream& stream, const MatvecJob& job, const uint16_t* x);

// A tile's share of the pairs of one expert: sorted[first .. first + count).
struct ExpertTile {
  int32_t expert, first, count;
};
constexpr int32_t expert_tiles_max(int32_t pairs, int32_t experts) {
  const int32_t full = pairs / kTileRows + experts;
  return full < pairs ? full : pairs;
}

// Of the job's pairs: `sorted` [pairs] by expert, ascending for each, and tiles [expert_tiles_max],
// the unused ones with count 0. Up to kSortedExperts experts.
inline constexpr int kSortedExperts = 1024;
void sort_pairs(Stream& stream, const ExpertJob& job, int32_t experts, int32_t* sorted,
                ExpertTile* tiles);

// What expert_matvec does, in tiles.
void expert_tiles(Stream& stream, const ExpertJob& job, const uint16_t* x, const int32_t* sorted,
                  const ExpertTile* tiles, int32_t tile_count);

}  // namespace hearth::cuda
