// See stored_tensor.h. The loader and the memory plan see a checkpoint through here, so a plan that
// succeeds has seen what the load will see.
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

Result<std::optional<Tensor>> expert_of(const Tensor& stacked, const TensorSpec& spec) {
  const bool fits = stacked.shape.rank() == 3 && spec.expert < stacked.shape[0] &&
                    stacked.shape[1] == spec.shape[0] && stacked.shape[2] == spec.shape[1];
  if (!fits) {
    return error(Code::corrupt, "`{}`: expected [experts > {}, {}, {}], found {}", spec.gguf_name,
                 spec.expert, spec.shape[0], spec.shape[1], stacked.shape.to_string());
  }
  return std::optional(stacked.outer(spec.expert));
}

}  // namespace

const std::string& stored_name(const TensorSpec& spec, CheckpointKind kind) {
  return kind == CheckpointKind::gguf ? spec.gguf_name : spec.name;
}

Result<std::optional<Tensor>> stored_tensor(const Checkpoint& checkpoint, const TensorSpec& spec) {
  const std::string& name = stored_name(spec, checkpoint.kind());
  if (name.empty()) return std::optional<Tensor>();
  const TensorEntry* entry = checkpoint.find(name);
  if (!entry) {
    if (spec.optional) return std::optional<Tensor>();
    return error(Code::corrupt, "`{}`: expected {}, found no such tensor", name,
                 spec.shape.to_string());
  }
  if (!entry->format) {
    return error(Code::unsupported, "`{}`: format {} is not supported", name, entry->dtype);
  }
  if (checkpoint.kind() == CheckpointKind::gguf && spec.expert >= 0) {
    return expert_of(entry->tensor, spec);
  }
  if (!(entry->tensor.shape == spec.shape)) {
    return error(Code::corrupt, "`{}`: expected {}, found {} {}", name, spec.shape.to_string(),
                 entry->dtype, entry->tensor.shape.to_string());
  }
  return std::optional(entry->tensor);
}

}  // namespace hearth
