// Reads memory with as many 16-byte loads in flight as the GEMV kernels have, and nothing else.
#include "hearth/backend/cuda/runtime/bandwidth.h"

#include "hearth/backend/cuda/simt/simt.h"

namespace hearth::cuda {
namespace {

constexpr int kLoads = 8;  // in flight in a thread

__global__ void __launch_bounds__(512)
    read_kernel(const uint4* from, int64_t count, uint32_t* sink) {
  simt::wait_for_inputs();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  uint32_t sum = 0;
  int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i + (kLoads - 1) * step < count; i += kLoads * step) {
    uint4 v[kLoads];
    HEARTH_UNROLL
    for (int j = 0; j < kLoads; ++j) v[j] = simt::load_once(from + i + j * step);
    HEARTH_UNROLL
    for (int j = 0; j < kLoads; ++j) sum ^= v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
  }
  for (; i < count; i += step) sum ^= simt::load_once(from + i).x;
  if (sum == 0x9e3779b9u) *sink = sum;  // never by zeroed memory, and the compiler can't know
}

}  // namespace

void read_all(Stream& stream, const std::byte* from, int64_t bytes, uint32_t* sink) {
  Grid grid;
  grid.x = static_cast<unsigned>(stream.facts().processors * 4);
  grid.threads = 512;
  launch(stream, grid, read_kernel, reinterpret_cast<const uint4*>(from), bytes / 16, sink);
}

}  // namespace hearth::cuda
