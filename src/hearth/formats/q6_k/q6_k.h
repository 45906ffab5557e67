// Q6_K: 256 six-bit numbers in sixteen groups of 16; value = (d * scale[g]) * (q - 32), with one
// F16 factor for the block and a signed byte for each group.
//
//   byte 0                128             192              208     210
//        | low bits ql[128] | high bits qh[64] | scale[16] int8 | d f16 |
//
// Element e of half h (h = 0, 1 of 128 elements; part p = e / 32 of the half, i = e % 32) takes
//   its low four bits from   nibble p / 2       of ql[64 h + 32 (p % 2) + i]
//   its high two bits from   bits 2p and 2p + 1 of qh[32 h + i]
#pragma once

#include "hearth/formats/f16/f16.h"

namespace hearth {

struct Q6_K {
  static constexpr Format kFormat = Format::q6_k;
  static constexpr int kElements = 256;
  static constexpr int kGroups = 16;
  static constexpr int kGroup = kElements / kGroups;
  static constexpr bool kHasMin = false;
  static constexpr float kMax = F16::kMax * 2048;  // amax / 32 / 128 must fit F16, with some room

  struct Block {
    uint8_t ql[kElements / 2];
    uint8_t qh[kElements / 4];
    int8_t scale[kGroups];
    uint16_t d;
  };
  static_assert(sizeof(Block) == format_info(kFormat).block_bytes);

  // The numbers of a block in order, as they multiply the scale: -32..31.
  static void unpack(const Block& block, int8_t q[kElements]);
  static void pack(const int8_t q[kElements], Block& block);  // sets ql and qh

  static void decode_integers(const Block& block, int8_t* q, float* scale, float* min);
  static void decode_block(const Block& block, float* out);
  // Least squares, weighted by importance.
  static void encode_block(const float* in, const float* importance, Block& block);
};

}  // namespace hearth
