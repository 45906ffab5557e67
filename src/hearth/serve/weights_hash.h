// Which weights answered: hashes of the files of a model and of an adapter.
#pragma once

#include <string>

#include "hearth/base/status.h"

namespace hearth::serve {

// SHA-256 over the names, sizes and bytes of a model's files: those of a directory that make it
// (weights, *.json), or a GGUF file with all its parts. It reads every byte: seconds a gigabyte.
Result<std::string> hash_of_model(const std::string& path);
// SHA-256 of one file's bytes.
Result<std::string> hash_of_file(const std::string& path);
// SHA-256 of an adapter's weights; "": they can't be read any more.
std::string hash_of_adapter(const std::string& path);

}  // namespace hearth::serve
