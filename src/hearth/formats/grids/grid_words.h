// The points of the grids as the CPU kernels look them up: a point is one word of level indices.
// Points of eight: byte i holds number i in its low nibble and number 4 + i in its high one. Points
// of four: byte i holds number i. Bit 3 of every nibble is free for the kernels.
//
// Plain types only: kernel objects of every instruction set include this header.
#pragma once

#include <cstdint>

namespace hearth {

template <int kPoints>
struct GridWords {
  uint32_t words[kPoints];
};

extern const GridWords<256> kIq2XxsWords;
extern const GridWords<512> kIq2XsWords;
extern const GridWords<1024> kIq2SWords;
extern const GridWords<256> kIq3XxsWords;
extern const GridWords<512> kIq3SWords;
extern const GridWords<2048> kIq1Words;

}  // namespace hearth
