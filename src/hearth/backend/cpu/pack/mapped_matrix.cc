// See mapped_matrix.h. Two places for each thread: a gate and an up projection are multiplied in
// turns, tile by tile of the same rows.
#include "hearth/backend/cpu/pack/mapped_matrix.h"

#include <array>
#include <atomic>
#include <vector>

namespace hearth::cpu {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

// Aligned as the kernels' loads like it.
struct Line {
  alignas(64) uint8_t bytes[64];
};

struct PackedHere {
  uint64_t id = 0;
  int64_t row = 0;
  std::vector<Line> memory;
};

}  // namespace

MappedMatrix::MappedMatrix(const Tensor& matrix)
    : PackedMatrix(packed_layout(matrix)), stored(matrix), id(next_id()) {
  mapped = true;
}

const uint8_t* packed_rows(const MappedMatrix& matrix, int64_t row) {
  thread_local std::array<PackedHere, 2> places;
  thread_local size_t older = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].id != matrix.id || places[i].row != row) continue;
    older = 1 - i;
    return places[i].memory.data()->bytes;
  }
  PackedHere& place = places[older];
  older = 1 - older;
  const int64_t rows = std::min(kPanelRows, matrix.stored.rows() - row);
  const int64_t groups = ceil_div(rows, matrix.group_rows());
  const auto lines = static_cast<size_t>(ceil_div(groups * matrix.group_bytes, sizeof(Line)));
  if (place.memory.size() < lines) place.memory.resize(lines);
  uint8_t* out = place.memory.data()->bytes;
  for (int64_t g = 0; g < groups; ++g) {
    pack_rows(matrix.stored, matrix, row / matrix.group_rows() + g, out + g * matrix.group_bytes);
  }
  place.id = matrix.id;
  place.row = row;
  return out;
}

}  // namespace hearth::cpu
