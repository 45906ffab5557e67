// See iq_grids.h and grid_words.h. The tables are stored as indices into the levels of each grid.
#include "hearth/formats/grids/iq_grids.h"

#include "hearth/formats/grids/grid_words.h"

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

template <size_t kDims>
constexpr uint32_t word_of(uint32_t code) {
  constexpr uint32_t kBits = kDims == 8 ? 2 : 3;
  uint32_t word = 0;
  for (uint32_t i = 0; i < kDims; ++i) {
    const uint32_t level = code >> (kBits * i) & ((1u << kBits) - 1);
    word |= level << (i % 4 * 8 + i / 4 * 4);
  }
  return word;
}

template <size_t kDims, int kPoints>
constexpr GridWords<kPoints> words_of(const uint16_t (&codes)[kPoints]) {
  GridWords<kPoints> out{};
  for (int p = 0; p < kPoints; ++p) out.words[p] = word_of<kDims>(codes[p]);
  return out;
}

}  // namespace

constinit const IqGrid<8, 256> kIq2XxsGrid = unpack<8>(kIq2XxsCodes, kIq2Levels);
constinit const IqGrid<8, 512> kIq2XsGrid = unpack<8>(kIq2XsCodes, kIq2Levels);
constinit const IqGrid<8, 1024> kIq2SGrid = unpack<8>(kIq2SCodes, kIq2Levels);
constinit const IqGrid<4, 256> kIq3XxsGrid = unpack<4>(kIq3XxsCodes, kIq3XxsLevels);
constinit const IqGrid<4, 512> kIq3SGrid = unpack<4>(kIq3SCodes, kIq3SLevels);
constinit const IqGrid<8, 2048> kIq1Grid = unpack<8>(kIq1SCodes, kIq1Levels);

constinit const GridWords<256> kIq2XxsWords = words_of<8>(kIq2XxsCodes);
constinit const GridWords<512> kIq2XsWords = words_of<8>(kIq2XsCodes);
constinit const GridWords<1024> kIq2SWords = words_of<8>(kIq2SCodes);
constinit const GridWords<256> kIq3XxsWords = words_of<4>(kIq3XxsCodes);
constinit const GridWords<512> kIq3SWords = words_of<4>(kIq3SCodes);
constinit const GridWords<2048> kIq1Words = words_of<8>(kIq1SCodes);

}  // namespace hearth
