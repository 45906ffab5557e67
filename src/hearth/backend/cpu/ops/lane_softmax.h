// Attention with queries across lanes: scores of a block of positions, softmax, mix of values. A
// lane's sums go through the positions in order, whatever lies in the other lanes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hearth/backend/cpu/isa/kernel_table.h"

namespace hearth::cpu {

// Values of a block: 16 dimensions of position p at data[p * position + chunk * chunk_stride].
struct ValueBlock {
  const float* data;
  int64_t position;
  int64_t chunk_stride;
};

// The state of `lanes` queries (a multiple of 16) over `width` dimensions (a multiple of 16).
struct LaneSoftmax {
  float* mix;  // [lanes][width]
  float* top;  // [lanes], of the scaled scores
  float* sum;  // [lanes]
  int64_t lanes, width;

  static int64_t floats(int64_t lanes, int64_t width) { return lanes * (width + 2); }

  LaneSoftmax(float* memory, int64_t lane_count, int64_t dimensions)
      : mix(memory),
        top(mix + lane_count * dimensions),
        sum(top + lane_count),
        lanes(lane_count),
        width(dimensions) {}

  void reset() {
    std::fill_n(mix, lanes * width, 0.0f);
    std::fill_n(top, lanes, -std::numeric_limits<float>::infinity());
    std::fill_n(sum, lanes, 0.0f);
  }

  // Takes the scores [count][lanes] of a block, of which lane i sees the first hidden[i]. `used`
  // lanes have a query.
  void add(const KernelTable& kernels, float* scores, int64_t count, float scale,
           const int32_t* hidden, int64_t used, const ValueBlock& values) {
    float shrink[kLanesMax];
    for (int64_t lane = 0; lane < lanes; lane += 16) {
      kernels.softmax_lanes(scores + lane, lanes, count, scale, hidden + lane, top + lane,
                            sum + lane, shrink + lane);
    }
    for (int64_t lane = 0; lane < used; ++lane) {
      if (shrink[lane] != 1) kernels.scale(shrink[lane], mix + lane * width, width);
    }
    kernels.float_gemm({scores, 1, lanes, used, count, values.data, FloatFormat::f32,
                        values.position, values.chunk_stride, width / 16, mix, width, 16, true});
  }

  static constexpr int64_t kLanesMax = 32;
};

}  // namespace hearth::cpu
