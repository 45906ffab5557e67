// Many rows of activations by whole matrices in tiles of tensor cores: the kernels of prompts. A
// row's result doesn't depend on the rows beside it.
//
// Integer weights whose groups are blocks of 32 meet activations in eight bits, as generated rows
// and the CPU have it. Of all others tiles are in bf16: weights decoded on the way, activations
// rounded, sums in f32.
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

// `job` of a storage with byte blocks, its activations in eight bits.
void byte_tiles(Stream& stream, const MatvecJob& job);

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
void byte_expert_tiles(Stream& stream, const ExpertJob& job, const int32_t* sorted,
                       const ExpertTile* tiles, int32_t tile_count);

}  // namespace hearth::cuda
