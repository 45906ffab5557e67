// matvec for more than one row of activations in eight bits: see tensor_matvec.cu.
#pragma once

#include "hearth/backend/cuda/linear/matvec.h"

namespace hearth::cuda {

// Blocks of 32 weights share a scale.
template <Storage S>
inline constexpr bool kHasTensorMatvec =
    S == Storage::q8_0 || S == Storage::q4_0 || S == Storage::q4_k;

// `split` as matvec has it for the job.
void tensor_matvec(Stream& stream, const MatvecJob& job, int split);

}  // namespace hearth::cuda
