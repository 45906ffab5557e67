// A range of code points as sequences of byte ranges: how a set of characters becomes an automaton
// over bytes. Surrogates are left out (UTF-8 has none).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hearth::grammar {

struct ByteSpan {
  uint8_t first;
  uint8_t last;

  auto operator<=>(const ByteSpan&) const = default;
};

// Up to four spans: every text that takes one byte of each is a character of the range.
struct Utf8Sequence {
  std::array<ByteSpan, 4> spans;
  int length;
};

// Appends the sequences of [first, last].
void utf8_sequences(uint32_t first, uint32_t last, std::vector<Utf8Sequence>& out);

}  // namespace hearth::grammar
