// Scalar pieces that the reference verbs are composed of, all with double accumulators.
#pragma once

#include <span>
#include <vector>

#include "hearth/backend/backend.h"

namespace hearth::reference {

// RMS norm of x [n] into out [n]; a Norm without weight copies.
void rms_norm(const float* x, int64_t n, const Norm& norm, float* out);

// The row x [n] as eight bits hold it: in blocks of 32 columns, scale = max |x| / 127 and q = x *
// (127 / max) to nearest, ties to even; value = scale * q. NaN or infinity makes a block NaN.
std::vector<float> eight_bits(const float* x, int64_t n);

// out [linear.out] = W x + b for one row x [linear.in]; x in eight bits where the weight has a
// form.
void apply(const Linear& linear, const float* x, float* out);

double dot(const float* a, const float* b, int64_t n);
float silu(float x);

// values -> softmax(values), in double, max subtracted.
void softmax(std::span<double> values);

}  // namespace hearth::reference
