// See stored_tensor.h. The loader and the memory plan see a checkpoint through here, so a plan that
// succeeds has seen what the load will see.
#include "hearth/models/stored_tensor.h"

namespace hearth {
namespace {

constexpr std::string_view kWeight = ".weight";

// What a checkpoint holds under other names when its config declares no scheme.
std::string packed_parts_of(const Checkpoint& checkpoint, const std::string& name) {
  const std::string module = name.substr(0, name.size() - kWeight.size());
  for (const char* part : {"qweight", "weight_packed"}) {
    const std::string packed = fmt::format("{}.{}", module, part);
    if (!checkpoint.find(packed)) continue;
    return fmt::format("`{}`: packed by a tool that `quantization_config` should name", packed);
  }
  return "no such tensor";
}

Status missing(const Checkpoint& checkpoint, const TensorSpec& spec, const std::string& name) {
  const std::string found =
      name.ends_with(kWeight) ? packed_parts_of(checkpoint, name) : "no such tensor";
  return error(Code::corrupt, "`{}`: expected {}, found {}", name, spec.shape.to_string(), found);
}

Result<std::optional<StoredMatrix>> expert_of(const Tensor& stacked, const TensorSpec& spec) {
  const bool fits = stacked.shape.rank() == 3 && spec.expert < stacked.shape[0] &&
                    stacked.shape[1] == spec.shape[0] && stacked.shape[2] == spec.shape[1];
  if (!fits) {
    return error(Code::corrupt, "`{}`: expected [experts > {}, {}, {}], found {}", spec.gguf_name,
                 spec.expert, spec.shape[0], spec.shape[1], stacked.shape.to_string());
  }
  return std::optional(StoredMatrix{stacked.outer(spec.expert), nullptr, nullptr});
}

}  // namespace

const std::string& stored_name(const TensorSpec& spec, CheckpointKind kind) {
  return kind == CheckpointKind::gguf ? spec.gguf_name : spec.name;
}

Result<StoredTensors> StoredTensors::of(const Checkpoint& checkpoint) {
  auto scheme = foreign_scheme(checkpoint);
  if (!scheme) return std::move(scheme).status();
  return StoredTensors(checkpoint, *std::move(scheme));
}

Result<std::optional<StoredMatrix>> StoredTensors::find(const TensorSpec& spec) const {
  const std::string& name = stored_name(spec, checkpoint_->kind());
  if (name.empty()) return std::optional<StoredMatrix>();
  if (scheme_ && spec.shape.rank() == 2 && name.ends_with(kWeight)) {
    const std::string module = name.substr(0, name.size() - kWeight.size());
    TRY_ASSIGN(auto found, scheme_->find(*checkpoint_, module, spec.shape));
    if (found) return found;
  }
  const TensorEntry* entry = checkpoint_->find(name);
  if (!entry) {
    if (spec.optional) return std::optional<StoredMatrix>();
    return missing(*checkpoint_, spec, name);
  }
  if (!entry->format) {
    return error(Code::unsupported, "`{}`: format {} is not supported", name, entry->dtype);
  }
  if (entry->format == Format::f8_e4m3 && !entry->tensor.scales) {
    return error(Code::corrupt, "`{}`: expected its scales, found F8_E4M3 without any", name);
  }
  if (checkpoint_->kind() == CheckpointKind::gguf && spec.expert >= 0) {
    return expert_of(entry->tensor, spec);
  }
  if (!(entry->tensor.shape == spec.shape)) {
    return error(Code::corrupt, "`{}`: expected {}, found {} {}", name, spec.shape.to_string(),
                 entry->dtype, entry->tensor.shape.to_string());
  }
  return std::optional(StoredMatrix{entry->tensor, nullptr, nullptr});
}

}  // namespace hearth
