// What CudaBackend::prepare_latents makes of a layer's k_b and v_b.
#pragma once

#include <memory>

#include "hearth/backend/backend.h"
#include "hearth/backend/cuda/attention/latents.h"

namespace hearth::cuda {

struct LatentMaps : BackendForm {
  std::shared_ptr<std::byte> memory;  // both maps
  LatentMap k_b, v_b;
};

}  // namespace hearth::cuda
