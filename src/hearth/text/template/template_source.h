// Where a checkpoint keeps its chat template: chat_template.jinja, tokenizer_config.json, or GGUF's
// tokenizer.chat_template.
#pragma once

#include <string>

#include "hearth/files/checkpoint.h"

namespace hearth {

// The template's text; "" when the checkpoint has none.
Result<std::string> chat_template_source(const Checkpoint& checkpoint);

}  // namespace hearth
