// Plans a GGUF file from either kind of checkpoint: metadata and tokenizer for its header, and each
// tensor with its format and place.
#pragma once

#include "hearth/convert/output_plan.h"
#include "hearth/convert/recipe.h"
#include "hearth/files/checkpoint.h"

namespace hearth {

// The plan views `checkpoint`, which must outlive it.
Result<OutputPlan> plan_gguf(const Checkpoint& checkpoint, const Recipe& recipe);

}  // namespace hearth
