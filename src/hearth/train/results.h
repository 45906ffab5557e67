// What a run leaves for others: an adapter in PEFT's format, or a whole model as a Hugging Face
// directory. Each file appears whole or not at all. Rows are written in Hugging Face's order also
// where the base is a GGUF file, which keeps rotary rows in another.
#pragma once

#include <string>

#include "hearth/files/checkpoint.h"
#include "hearth/train/network.h"

namespace hearth::train {

// adapter_model.safetensors (F32, PEFT's names) and adapter_config.json. `base`: the model's path
// as the user gave it.
Status write_adapter(const std::string& folder, const Checkpoint& checkpoint,
                     const AdapterSpec& spec, const std::string& base,
                     const Network<float>& network);

// model.safetensors with every weight in BF16 (norms and routers as they are stored), the files of
// the tokenizer, and config.json last: with it the directory is a model.
Status write_model(const std::string& folder, const Checkpoint& checkpoint,
                   const Network<float>& network);

}  // namespace hearth::train
