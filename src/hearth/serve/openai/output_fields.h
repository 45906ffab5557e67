// Fields of a request that say what the answer must look like: OpenAI's response_format, and vLLM's
// guided_json, guided_regex and guided_grammar with llama.cpp's json_schema and grammar.
#pragma once

#include "hearth/serve/generation_request.h"
#include "hearth/serve/openai/fields.h"

namespace hearth::serve {

// At most one of the fields may say something. Whether the format itself is good is found when it
// is compiled.
void read_output_format(Fields& fields, GenerationRequest& out);

}  // namespace hearth::serve
