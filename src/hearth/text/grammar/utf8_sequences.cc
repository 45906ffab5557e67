// See utf8_sequences.h. A range is cut where the length of the encoding changes, then wherever its
// two ends differ in a byte before one that doesn't span all continuations.
#include "hearth/text/grammar/utf8_sequences.h"

#include <algorithm>

#include "hearth/base/check.h"

namespace hearth::grammar {
namespace {

constexpr std::array<uint32_t, 4> kLastOfLength = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

int encode(uint32_t code, std::array<uint8_t, 4>& out) {
  const auto byte = [](uint32_t value) { return static_cast<uint8_t>(value); };
  const auto rest = [&](int shift) { return byte(0x80 | ((code >> shift) & 0x3F)); };
  if (code <= kLastOfLength[0]) {
    out[0] = byte(code);
    return 1;
  }
  if (code <= kLastOfLength[1]) {
    out = {byte(0xC0 | (code >> 6)), rest(0)};
    return 2;
  }
  if (code <= kLastOfLength[2]) {
    out = {byte(0xE0 | (code >> 12)), rest(6), rest(0)};
    return 3;
  }
  out = {byte(0xF0 | (code >> 18)), rest(12), rest(6), rest(0)};
  return 4;
}

// Both ends have encodings of one length.
void split(uint32_t first, uint32_t last, std::vector<Utf8Sequence>& out) {
  std::array<uint8_t, 4> a{}, b{};
  const int length = encode(first, a);
  CHECK_EQ(length, encode(last, b));
  for (int tail = 1; tail < length; ++tail) {
    const uint32_t mask = (1u << (6 * tail)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split(first, first | mask, out);
      return split((first | mask) + 1, last, out);
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, out);
      return split(last & ~mask, last, out);
    }
  }
  Utf8Sequence sequence{{}, length};
  for (size_t i = 0; i < static_cast<size_t>(length); ++i) sequence.spans[i] = {a[i], b[i]};
  out.push_back(sequence);
}

void split_by_length(uint32_t first, uint32_t last, std::vector<Utf8Sequence>& out) {
  for (uint32_t end : kLastOfLength) {
    if (first > end) continue;
    split(first, std::min(last, end), out);
    if (last <= end) return;
    first = end + 1;
  }
}

}  // namespace

void utf8_sequences(uint32_t first, uint32_t last, std::vector<Utf8Sequence>& out) {
  constexpr uint32_t kSurrogates = 0xD800, kAfter = 0xE000;
  if (first < kSurrogates) split_by_length(first, std::min(last, kSurrogates - 1), out);
  if (last >= kAfter) split_by_length(std::max(first, kAfter), last, out);
}

}  // namespace hearth::grammar
