// The grids of the IQ formats: lists of points of four or eight small numbers. A block stores the
// index of a point instead of its numbers. For IQ2 and IQ3 the numbers are magnitudes, and signs
// are stored beside them; for IQ1 the numbers are -1, 0 and 1.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hearth {

// The numbers that the coordinates of a grid take, in rising order.
inline constexpr std::array<int8_t, 3> kIq2Levels = {8, 25, 43};
inline constexpr std::array<int8_t, 8> kIq3XxsLevels = {4, 12, 20, 28, 36, 44, 52, 62};
inline constexpr std::array<int8_t, 8> kIq3SLevels = {1, 3, 5, 7, 9, 11, 13, 15};
inline constexpr std::array<int8_t, 3> kIq1Levels = {-1, 0, 1};

template <size_t kDims, size_t kPoints>
using IqGrid = std::array<std::array<int8_t, kDims>, kPoints>;

// The points are sorted by their last coordinate, then by the one before it, and so on.
extern const IqGrid<8, 256> kIq2XxsGrid;
extern const IqGrid<8, 512> kIq2XsGrid;
extern const IqGrid<8, 1024> kIq2SGrid;
extern const IqGrid<4, 256> kIq3XxsGrid;
extern const IqGrid<4, 512> kIq3SGrid;
extern const IqGrid<8, 2048> kIq1Grid;  // IQ1_S and IQ1_M

// Seven stored signs and the eighth, which makes the number of negatives even.
constexpr uint32_t with_parity(uint32_t seven) {
  return seven | (static_cast<uint32_t>(std::popcount(seven)) & 1u) << 7;
}

// out = point, element i negated where bit i of `signs` is set.
template <size_t kDims>
void copy_signed(const std::array<int8_t, kDims>& point, uint32_t signs, int8_t* out) {
  for (size_t i = 0; i < kDims; ++i) {
    const int negative = -static_cast<int>(signs >> i & 1u);  // 0 or -1
    out[i] = static_cast<int8_t>((point[i] ^ negative) - negative);
  }
}

}  // namespace hearth
