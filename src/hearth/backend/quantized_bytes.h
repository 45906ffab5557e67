// What activations of eight bits take in scratch: the CPU backend takes it and the trace backend
// foretells it.
#pragma once

#include <cstdint>

#include "hearth/tensor/tensor.h"

namespace hearth {

// How weights are multiplied. `automatic`: in integers with activations of eight bits where the
// format has integer kernels. `f32`: activations stay floats, for comparisons with other programs.
enum class Activation : uint8_t { automatic, f32 };

// A block of 32: its values, a scale, and its sums, whole and by halves (cpu::QuantizedRows).
inline constexpr int64_t kQuantizedBlockBytes = 32 + 4 + 4 + 8 + 4 + 8;

inline int64_t quantized_bytes(int64_t rows, int64_t columns) {
  return rows * (columns / 32) * kQuantizedBlockBytes;
}

// Whether the CPU backend packs a matrix of this format and multiplies by it in integers.
bool has_integer_kernels(Format format);

}  // namespace hearth
