// Hugging Face config -> the metadata keys that llama.cpp gives an architecture (`<arch>.<key>`).
// The counterpart of the config_gguf readers; vocabulary keys are written elsewhere.
#pragma once

#include "hearth/base/status.h"
#include "hearth/files/gguf/gguf_writer.h"
#include "hearth/files/json.h"

namespace hearth {

// llama.cpp's name of the architecture: "deepseek2" for deepseek_v2, deepseek_v3 and kimi_k2.
Result<std::string> gguf_architecture(const Json& config);

// llama.cpp's number (general.file_type) of a file whose matrices are all stored in `format`.
uint32_t gguf_file_type(Format format);

// general.*, the shape of the network and its rope.
Status write_gguf_keys(const Json& config, std::string_view name, uint32_t file_type,
                       GgufHeader& header);

// rope_freqs.weight [head_dim / 2]: the divisors by which llama.cpp stores Llama 3.1's scaling of
// the frequencies; empty for every other model.
Result<std::vector<float>> gguf_rope_factors(const Json& config);

}  // namespace hearth
