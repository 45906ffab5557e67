// See iq_grids.h. The tables are stored as indices into the levels of each grid.
#include "hearth/formats/grids/iq_grids.h"

namespace hearth {
namespace {

#include "hearth/formats/grids/grid_points.inc"

template <size_t kDims, size_t kPoints, size_t kLevels>
constexpr IqGrid<kDims, kPoints> unpack(const uint16_t (&codes)[kPoints],
                                        const std::array<int8_t, kLevels>& levels) {
  constexpr size_t kBits = kLevels == 3 ? 2 : 3;
  IqGrid<kDims, kPoints> grid{};
  for (size_t p = 0; p < kPoints; ++p) {
    for (size_t i = 0; i < kDims; ++i) {
      grid[p][i] = levels[codes[p] >> (kBits * i) & ((1u << kBits) - 1)];
    }
  }
  return grid;
}

}  // namespace

constinit const IqGrid<8, 256> kIq2XxsGrid = unpack<8>(kIq2XxsCodes, kIq2Levels);
constinit const IqGrid<8, 512> kIq2XsGrid = unpack<8>(kIq2XsCodes, kIq2Levels);
constinit const IqGrid<8, 1024> kIq2SGrid = unpack<8>(kIq2SCodes, kIq2Levels);
constinit const IqGrid<4, 256> kIq3XxsGrid = unpack<4>(kIq3XxsCodes, kIq3XxsLevels);
constinit const IqGrid<4, 512> kIq3SGrid = unpack<4>(kIq3SCodes, kIq3SLevels);
constinit const IqGrid<8, 2048> kIq1Grid = unpack<8>(kIq1SCodes, kIq1Levels);

}  // namespace hearth
