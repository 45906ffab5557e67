// See iq4_nl.h.
#include "hearth/formats/iq4_nl/iq4_nl.h"

#include "hearth/formats/integers.h"

namespace hearth {

void IQ4_NL::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_nibbles(block.index, q);
  for (int i = 0; i < kElements; ++i) q[i] = kLevels[q[i]];
  *scale = F16::decode(block.d);
}

void IQ4_NL::decode_block(const Block& block, float* out) {
  multiply_out<IQ4_NL>(block, out);
}

}  // namespace hearth
