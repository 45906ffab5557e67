// matvec for more than one row of activations in eight bits, of storages with byte blocks: see
// tensor_matvec.cu.
#pragma once

#include "hearth/backend/cuda/linear/matvec.h"

namespace hearth::cuda {

// `split` as matvec has it for the job.
void tensor_matvec(Stream& stream, const MatvecJob& job, int split);

}  // namespace hearth::cuda
