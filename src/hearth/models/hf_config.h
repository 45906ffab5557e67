// The config.json of a network that only GGUF keys describe: the counterpart of gguf_keys.h, for
// writing a checkpoint back as a directory.
#pragma once

#include <string>
#include <vector>

#include "hearth/files/gguf/gguf.h"
#include "hearth/files/json.h"

namespace hearth {

// `notices` gets a line for every value that the file lacks and the known shape supplies.
// unsupported: an architecture, or a scaling of Llama's frequencies, that Hearth does not know.
Result<Json> hf_config(const Gguf& gguf, std::vector<std::string>& notices);

}  // namespace hearth
