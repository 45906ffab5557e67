// See q4_1.h.
#include "hearth/formats/q4_1/q4_1.h"

#include "hearth/formats/integers.h"

namespace hearth {

void Q4_1::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_nibbles(block.q, q);
  *scale = F16::decode(block.d);
  *min = -F16::decode(block.m);
}

void Q4_1::decode_block(const Block& block, float* out) {
  multiply_out<Q4_1>(block, out);
}

}  // namespace hearth
