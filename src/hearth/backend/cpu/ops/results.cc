// See results.h.
#include "hearth/backend/cpu/ops/results.h"

#include <array>

namespace hearth::cpu {

void swiglu_task(const KernelTable& kernels, const Linear& gate, const Linear& up,
                 const Activations& x, int64_t begin, int64_t tokens, const TaskCut& cut,
                 int64_t task, const Tensor& out) {
  multiply_task(kernels, gate.weight, x, begin, tokens, cut, task, [&](const ResultTile& tile) {
    alignas(64) std::array<float, kPairRows * kTileTokens> raised;
    multiply_tile(kernels, up.weight, x, tile.first, tile.count, tile.row, raised.data());
    ResultTile up_tile = tile;
    up_tile.values = raised.data();
    add_bias(gate, tile);
    add_bias(up, up_tile);
    kernels.swiglu(tile.values, raised.data(), tile.padded_values());
    store(tile, out);
  });
}

}  // namespace hearth::cpu
