// matvec for dozens of rows of activations in eight bits: see tensor_matvec.cu.
#pragma once

#include "hearth/backend/cuda/linear/matvec.h"

namespace hearth::cuda {

// Blocks of 32 weights share a scale.
bool has_tensor_matvec(Storage storage);

// `split` as matvec has it for the job.
void tensor_matvec(Stream& stream, const MatvecJob& job, int split);

}  // namespace hearth::cuda
