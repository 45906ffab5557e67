// Scalar pieces that the reference verbs are composed of, all with double accumulators.
#pragma once

#include <span>
#include <vector>

#include "hearth/backend/backend.h"

namespace hearth::reference {

// RMS norm of x [n] into out [n]; a Norm without weight copies.
void rms_norm(const float* x, int64_t n, const Norm& norm, float* out);

// out [linear.out] = W x + b for one row x [linear.in].
void apply(const Linear& linear, const float* x, float* out);

double dot(const float* a, const float* b, int64_t n);
float silu(float x);

// values -> softmax(values), in double, max subtracted.
void softmax(std::span<double> values);

// One cache row of `spec.values` numbers, to and from f32.
void write_kv(const KvSpec& spec, const float* values, std::byte* row);
std::vector<float> read_kv(const KvSpec& spec, const std::byte* row);

}  // namespace hearth::reference
