// See q5_0.h.
#include "hearth/formats/q5_0/q5_0.h"

#include "hearth/formats/integers.h"

namespace hearth {

void Q5_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_five_bits(block.q, block.high, q);
  for (int i = 0; i < kElements; ++i) q[i] = static_cast<int8_t>(q[i] - 16);
  *scale = F16::decode(block.d);
}

void Q5_0::decode_block(const Block& block, float* out) {
  multiply_out<Q5_0>(block, out);
}

}  // namespace hearth
