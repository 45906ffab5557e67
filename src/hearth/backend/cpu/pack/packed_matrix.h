// A quantised matrix as the integer kernels want it: sixteen rows (a group) lie interleaved, so
// that a vector register holds four columns of sixteen rows and one stream of memory feeds it. The
// bits are those of the stored blocks, transposed; nothing is rounded again.
//
//   group 0: [block 0 of 16 rows][block 1 of 16 rows]...   then group 1, ...
//   a packed block: each field of the stored block for all 16 rows, quants four bytes at a time,
//   scales one or two (see packed_matrix.cc); rows beyond the last are zero
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "hearth/backend/backend.h"
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/base/huge_memory.h"

namespace hearth::cpu {

// The packed form of a stored format; nullopt: the integer kernels don't know it.
std::optional<PackedFormat> packed_format(Format format);

// Bytes of 16 rows of `columns`.
int64_t packed_group_bytes(Format format, int64_t columns);

// The float format of a weight; nullopt: not a float that kernels read.
std::optional<FloatFormat> float_format(Format format);

inline constexpr int64_t kPanelRows = 2 * kGroupRows;

// Packs rows [32 * panel, 32 * panel + 32) of a float matrix into `out` [columns][32].
void pack_panel(const Tensor& in, int64_t panel, uint8_t* out);

// F8_E4M3 with scales: panels of 32 rows as [columns][32] bytes, then F8Gemm's row_factor [32] and
// tile_scale [ceil(columns / 128)].
int64_t f8_panel_bytes(int64_t columns);
void pack_f8_panel(const Tensor& in, int64_t panel, uint8_t* out);

// Packs rows [16 * group, 16 * group + 16) of `in` into `out` [packed_group_bytes].
void pack_group(const Tensor& in, int64_t group, uint8_t* out);

// Huge pages for many matrices: small ones share a slab, which lives as long as any of them.
// Threads: any.
class PackMemory {
 public:
  Result<std::shared_ptr<uint8_t>> take(int64_t bytes);

 private:
  static constexpr int64_t kSlabBytes = 64 << 20;
  std::mutex mutex_;
  std::shared_ptr<HugeMemory> slab_;
  int64_t used_ = 0;
};

// `integers`: groups of 16 rows in a PackedFormat. `floats`: panels of 32 rows as [column][row] in
// the stored float format. `f8`: the panels of pack_f8_panel.
// `stored`: of an expert on disk (experts/), rows as in the file, which are decoded as they are
// needed.
struct PackedMatrix : BackendForm {
  enum class Kind : uint8_t { integers, floats, f8, stored };
  Kind kind = Kind::integers;
  bool mapped = false;  // a MappedMatrix, without data
  PackedFormat format = PackedFormat::q8_0;
  FloatFormat float_format = FloatFormat::f32;
  int64_t group_bytes = 0;  // of a group or panel
  std::shared_ptr<uint8_t> data;

  const uint8_t* group(int64_t g) const { return data.get() + g * group_bytes; }
  int64_t group_rows() const { return kind == Kind::integers ? kGroupRows : kPanelRows; }
};

// What the form of a weight that kernels read will be, without its data.
PackedMatrix packed_layout(const Tensor& stored);
// Group or panel `index` of it.
void pack_rows(const Tensor& stored, const PackedMatrix& form, int64_t index, uint8_t* out);

}  // namespace hearth::cpu
