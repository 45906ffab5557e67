// How the CPU backend holds the matrices that expand MLA's latents: it packs them, and the trace
// backend foretells what that takes.
//
// They are needed in two directions. Where the stored rows lie as a direction wants them, the
// weight is packed as it is; else a map is built anew, head by head.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hearth/backend/backend.h"
#include "hearth/backend/quantized_bytes.h"
#include "hearth/base/checked_math.h"

namespace hearth {

struct LatentLayout {
  static constexpr int64_t kAlign = 32;  // rows that the kernels take together

  Format format = Format::f32;
  int64_t out = 0, in = 0;            // of a head's map
  int64_t stride = 0;                 // rows of a head in what is packed, a multiple of kAlign
  const Weight* as_stored = nullptr;  // packed as it is; null: built anew, in `format`

  int64_t bytes(int64_t heads) const;
};

// Whether the CPU backend packs a matrix of this format at all.
bool has_packed_form(Format format, Activation activation);

// The map whose rows are `rows`, `out` of each head.
LatentLayout layout_of_rows(const HeadRows& rows, int64_t out, Activation activation);
// The map whose columns are `rows`, `in` of each head: it is transposed, in the stored float
// format, or for quantised weights in Q8_0, whose error lies far below that of the formats that are
// quantised further.
LatentLayout layout_of_columns(const HeadRows& rows, int64_t in, Activation activation);

// Keys, values and queries of cpu/ops/latent_maps.h.
struct LatentLayouts {
  LatentLayout keys, values, queries;

  // Keys and values that want the same weight as it is share it.
  int64_t bytes(int64_t heads) const;
};
LatentLayouts layouts_of(const AttendMla& shape, Activation activation);

// The work for a thread pool, in multiply-adds of a product of many rows, by which `rows` generated
// rows go into the space of the latents or back from it, through the map of `head_dim` values a
// head: each row alone, which takes some four times as long.
inline int64_t absorbing_work(const AttendMla& a, int64_t rows, int64_t head_dim) {
  return 4 * rows * a.heads * head_dim * a.kv_lora_rank;
}

// Positions of a generated token's history that one thread reads in a row, for all heads or some.
inline constexpr int64_t kLatentSegment = 512;

// Parts of the heads' groups that a segment is split into. A block of the cache is opened once for
// all heads, unless threads would have nothing to do.
inline int64_t latent_shares(int64_t segments, int64_t head_groups, int64_t threads) {
  return std::clamp<int64_t>(ceil_div(2 * threads, segments), 1, head_groups);
}

}  // namespace hearth
