// What a run leaves for others: an adapter in PEFT's format, or a whole model as a Hugging Face
// directory. Each file appears whole or not at all. Rows are written in Hugging Face's order also
// where the base is a GGUF file, which keeps rotary rows in another.
#pragma once

#include <string>

#include "hearth/convert/directory_plan.h"
#include "hearth/files/checkpoint.h"
#include "hearth/train/network.h"

namespace hearth::train {

// Both plans are made before the first step: what can't be written is not trained. They view
// `checkpoint`, which must outlive them.
//
// Where a GGUF file has the rows of each tensor; no tensors for a directory, whose rows are in
// order.
Result<OutputPlan> plan_base_rows(const Checkpoint& checkpoint);
// unsupported: a vocabulary that tokenizer.json can't hold.
Result<DirectoryPlan> plan_model(const Checkpoint& checkpoint);

// adapter_model.safetensors (F32, PEFT's names) and adapter_config.json. `base`: the model's path
// as the user gave it.
Status write_adapter(const std::string& folder, const OutputPlan& base_rows,
                     const AdapterSpec& spec, const std::string& base,
                     const Network<float>& network);

// model.safetensors with every weight in BF16 (norms and routers as they are stored), the files of
// the tokenizer, and config.json last: with it the directory is a model.
Status write_model(const std::string& folder, const DirectoryPlan& plan,
                   const Network<float>& network);

}  // namespace hearth::train
