// Plans a Hugging Face directory from either kind of checkpoint: one model.safetensors, config.json
// and the files of the tokenizer.
#pragma once

#include <utility>
#include <vector>

#include "hearth/convert/output_plan.h"
#include "hearth/convert/recipe.h"
#include "hearth/files/checkpoint.h"

namespace hearth {

struct DirectoryPlan {
  OutputPlan weights;
  std::vector<std::pair<std::string, std::string>> texts;  // file name, content; config.json last
};

// The plan views `checkpoint`, which must outlive it.
// invalid: a format that safetensors can't hold.  unsupported: a vocabulary that tokenizer.json
// can't hold.
Result<DirectoryPlan> plan_directory(const Checkpoint& checkpoint, const Recipe& recipe);

// model.safetensors alone, of a checkpoint with any vocabulary.
Result<OutputPlan> plan_directory_weights(const Checkpoint& checkpoint, const Recipe& recipe);

}  // namespace hearth
