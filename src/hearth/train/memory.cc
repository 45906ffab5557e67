// See memory.h.
#include "hearth/train/memory.h"

#include <algorithm>

#include "hearth/host/memory_plan.h"

namespace hearth::train {

int64_t learned_weights(Model& model, const std::optional<AdapterSpec>& adapter) {
  int64_t weights = 0;
  model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (!adapter) {
      if (slot.present()) weights += spec.shape.elements();
      return;
    }
    const auto& modules = adapter->targets.modules;
    const auto is_it = [&](const std::string& m) { return spec.name == m + ".weight"; };
    if (std::any_of(modules.begin(), modules.end(), is_it)) {
      weights += adapter->rank * (spec.shape.rows() + spec.shape.columns());
    }
  });
  return weights;
}

Status check_fits(int64_t weights, bool whole_model, int64_t available_bytes) {
  const int64_t needed = kLearnedWeightBytes * weights;
  if (needed <= available_bytes) return Status::ok();
  return error(Code::no_memory,
               "training needs {} of memory beside the loaded model ({} weights learn, {} bytes "
               "each), {} are available; {} would need less",
               bytes_text(needed), weights, kLearnedWeightBytes, bytes_text(available_bytes),
               whole_model ? "--method lora" : "a smaller --rank or fewer projections of --target");
}

}  // namespace hearth::train
