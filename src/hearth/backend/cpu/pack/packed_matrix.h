// A quantised matrix as the integer kernels want it: sixteen rows (a group) lie interleaved, so
// that a vector register holds four columns of sixteen rows and one stream of memory feeds it. The
// bytes are those of the stored blocks, transposed; nothing is rounded again.
//
//   group 0: [block 0 of 16 rows][block 1 of 16 rows]...   then group 1, ...
//   a packed block: each field of the stored block for all 16 rows, quants four bytes at a time,
//   scales one or two (see packed_layout.cc); rows beyond the last are zero
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

struct PackedMatrix : BackendForm {
  PackedFormat format = PackedFormat::q8_0;
  int64_t group_bytes = 0;
  std::shared_ptr<uint8_t> data;

  const uint8_t* group(int64_t g) const { return data.get() + g * group_bytes; }
};

}  // namespace hearth::cpu
