// Finds the tensor of a TensorSpec in a checkpoint, with the shape that the config promises.
#pragma once

#include <optional>

#include "hearth/files/checkpoint.h"
#include "hearth/models/tensor_spec.h"

namespace hearth {

// The name of the tensor in this kind of checkpoint; "" when such a checkpoint never has it.
const std::string& stored_name(const TensorSpec& spec, CheckpointKind kind);

// nullopt: an optional tensor that is absent. Of stacked experts it is the one of `spec.expert`.
// corrupt: missing, or of another shape.  unsupported: a format that Hearth cannot compute with.
Result<std::optional<Tensor>> stored_tensor(const Checkpoint& checkpoint, const TensorSpec& spec);

}  // namespace hearth
