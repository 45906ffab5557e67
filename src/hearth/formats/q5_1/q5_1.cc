// See q5_1.h.
#include "hearth/formats/q5_1/q5_1.h"

#include "hearth/formats/integers.h"

namespace hearth {

void Q5_1::decode_integers(const Block& block, int8_t* q, float* scale, float* min) {
  unpack_five_bits(block.q, block.high, q);
  *scale = F16::decode(block.d);
  *min = -F16::decode(block.m);
}

void Q5_1::decode_block(const Block& block, float* out) {
  multiply_out<Q5_1>(block, out);
}

}  // namespace hearth
