// See tq2_0.h.
#include "hearth/formats/tq2_0/tq2_0.h"

#include <algorithm>

#include "hearth/formats/integers.h"

namespace hearth {

void TQ2_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_two_bits(block.q, q);
  for (int e = 0; e < kElements; ++e) q[e] = static_cast<int8_t>(q[e] - 1);
  std::fill(scale, scale + kElements / kGroup, F16::decode(block.d));
}

void TQ2_0::decode_block(const Block& block, float* out) {
  multiply_out<TQ2_0>(block, out);
}

}  // namespace hearth
