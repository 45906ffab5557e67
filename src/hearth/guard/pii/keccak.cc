// See keccak.h. Steps and constants by their definitions in FIPS 202, section 3.
#include "hearth/guard/pii/keccak.h"

#include <bit>
#include <cstddef>

namespace hearth::pii {
namespace {

constexpr size_t kRate = 136;  // bytes that a block takes
constexpr int kRounds = 24;

using Lanes = std::array<uint64_t, 25>;  // lane (x, y) at x + 5 y

void theta(Lanes& a) {
  std::array<uint64_t, 5> column{};
  for (size_t i = 0; i < 25; ++i) column[i % 5] ^= a[i];
  for (size_t i = 0; i < 25; ++i) {
    a[i] ^= column[(i + 4) % 5] ^ std::rotl(column[(i + 1) % 5], 1);
  }
}

void rho_and_pi(Lanes& a) {
  size_t x = 1, y = 0;
  uint64_t moving = a[1];
  for (int t = 0; t < 24; ++t) {
    const size_t to = (2 * x + 3 * y) % 5;
    x = y;
    y = to;
    const uint64_t next = a[x + 5 * y];
    a[x + 5 * y] = std::rotl(moving, (t + 1) * (t + 2) / 2 % 64);
    moving = next;
  }
}

void chi(Lanes& a) {
  for (size_t row = 0; row < 25; row += 5) {
    const std::array<uint64_t, 5> old = {a[row], a[row + 1], a[row + 2], a[row + 3], a[row + 4]};
    for (size_t x = 0; x < 5; ++x) a[row + x] = old[x] ^ (~old[(x + 1) % 5] & old[(x + 2) % 5]);
  }
}

// The round constants' bits come from a shift register over x^8 + x^6 + x^5 + x^4 + 1.
void iota(Lanes& a, unsigned& shift) {
  for (unsigned j = 0; j < 7; ++j) {
    if ((shift & 1) != 0) a[0] ^= uint64_t{1} << ((1U << j) - 1);
    shift = shift << 1 ^ ((shift & 0x80) != 0 ? 0x171U : 0U);
  }
}

void permute(Lanes& a) {
  unsigned shift = 1;
  for (int round = 0; round < kRounds; ++round) {
    theta(a);
    rho_and_pi(a);
    chi(a);
    iota(a, shift);
  }
}

void absorb(Lanes& a, size_t at, uint8_t byte) {
  a[at / 8] ^= uint64_t{byte} << at % 8 * 8;
}

}  // namespace

std::array<uint8_t, 32> keccak_256(std::string_view message) {
  Lanes lanes{};
  size_t at = 0;
  for (char c : message) {
    absorb(lanes, at, static_cast<uint8_t>(c));
    if (++at == kRate) permute(lanes), at = 0;
  }
  absorb(lanes, at, 0x01);
  absorb(lanes, kRate - 1, 0x80);
  permute(lanes);
  std::array<uint8_t, 32> out{};
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(lanes[i / 8] >> i % 8 * 8);
  }
  return out;
}

}  // namespace hearth::pii
