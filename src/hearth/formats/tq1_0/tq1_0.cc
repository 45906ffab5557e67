// See tq1_0.h.
#include "hearth/formats/tq1_0/tq1_0.h"

#include <algorithm>

#include "hearth/formats/fit_scale.h"
#include "hearth/formats/integers.h"

namespace hearth {
namespace {

constexpr fit::Integers kNearest{-1, 1};
constexpr float kStarts[] = {1, 1.2f, 1.5f, 1.8f, 2.2f, 2.8f, 3.6f};

// The smallest byte whose fraction b / 256 begins with the digits of q.
template <int kBytes, int kDigits>
void pack_digits(const int8_t* q, uint8_t* bytes) {
  for (int i = 0; i < kBytes; ++i) {
    int number = 0;
    for (int n = 0; n < 5; ++n) number = number * 3 + (n < kDigits ? q[n * kBytes + i] + 1 : 0);
    bytes[i] = static_cast<uint8_t>((number * 256 + 242) / 243);
  }
}

// q[n * kBytes + i] = digit n of byte i, less one. A byte times 3^n, without the carry, is the
// fraction with n digits shifted out.
template <int kBytes, int kDigits>
void unpack_digits(const uint8_t* bytes, int8_t* q) {
  unsigned power = 1;
  for (int n = 0; n < kDigits; ++n, power *= 3) {
    for (int i = 0; i < kBytes; ++i) {
      const unsigned fraction = bytes[i] * power & 255u;
      *q++ = static_cast<int8_t>(static_cast<int>(fraction * 3 >> 8) - 1);
    }
  }
}

}  // namespace

void TQ1_0::decode_integers(const Block& block, int8_t* q, float* scale, float*) {
  unpack_digits<32, 5>(block.q, q);
  unpack_digits<16, 5>(block.q + 32, q + 160);
  unpack_digits<4, 4>(block.rest, q + 240);
  std::fill(scale, scale + kElements / kGroup, F16::decode(block.d));
}

void TQ1_0::decode_block(const Block& block, float* out) {
  multiply_out<TQ1_0>(block, out);
}

void TQ1_0::encode_block(const float* in, const float* importance, Block& block) {
  block = {};
  fit::Sample<kElements> s;
  if (!s.load(in, importance)) {
    block.d = F16::kNan;
    return;
  }
  const float d = fit::fit_group<kElements>(s.x, s.w, kNearest, kStarts);
  block.d = s.stored(d);
  int8_t q[kElements];
  fit::store_group(s.x, kElements, s.rounded(d), kNearest, q);
  pack_digits<32, 5>(q, block.q);
  pack_digits<16, 5>(q + 160, block.q + 32);
  pack_digits<4, 4>(q + 240, block.rest);
}

}  // namespace hearth
