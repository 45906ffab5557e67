// Which tokens may yet win an exponential race. A bound rules nearly all out, eight at a time,
// before a logarithm is taken; it rules out only tokens that certainly lose: who wins stays the
// same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hearth/base/siphash.h"

namespace hearth {

inline constexpr size_t kContendersAtOnce = 8;

// Bit i: token first + i may reach more than `most`, where a token reaches its logit -
// log(-log(u)), u its number at `place`. `logits`: kContendersAtOnce of them.
using Contenders = uint32_t(const SipHash& place, int32_t first, const double* logits, double most);

// As it is written for each instruction set that this CPU has, the widest last.
std::span<Contenders* const> all_contenders();
inline Contenders* contenders() {
  return all_contenders().back();
}

// Whether a token can't cross the line by `time`, at a rate of `probability`: cheaper than the
// logarithm that says when it does.
inline bool surely_later(double u, double probability, double time) {
  return 1 - u > time * probability * (1 + 1e-9);  // -log(u) >= 1 - u
}

}  // namespace hearth
