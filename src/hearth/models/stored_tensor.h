// Finds the tensor of a TensorSpec in a checkpoint, with the shape that the config promises,
// however it is stored there.
#pragma once

#include <optional>

#include "hearth/files/checkpoint.h"
#include "hearth/models/foreign/scheme.h"
#include "hearth/models/tensor_spec.h"

namespace hearth {

// The name of the tensor in this kind of checkpoint; "" when such a checkpoint never has it.
const std::string& stored_name(const TensorSpec& spec, CheckpointKind kind);

// A checkpoint and the scheme that its config declares. Thread-safe (const) while it is open.
class StoredTensors {
 public:
  // unsupported: quantised by a scheme that Hearth does not run.
  static Result<StoredTensors> of(const Checkpoint& checkpoint);

  // nullopt: an optional tensor that is absent. Of stacked experts it is the one of `spec.expert`.
  // corrupt: missing, or of another shape.  unsupported: a format that Hearth cannot compute with.
  Result<std::optional<StoredMatrix>> find(const TensorSpec& spec) const;

  // What the weights are quantised with; "" when nothing is declared.
  std::string scheme_name() const { return scheme_ ? scheme_->name() : ""; }

 private:
  StoredTensors(const Checkpoint& checkpoint, std::shared_ptr<const ForeignScheme> scheme)
      : checkpoint_(&checkpoint), scheme_(std::move(scheme)) {}

  const Checkpoint* checkpoint_;
  std::shared_ptr<const ForeignScheme> scheme_;
};

}  // namespace hearth
