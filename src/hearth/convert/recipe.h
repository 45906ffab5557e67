// What a user asks of a conversion.
#pragma once

#include <string>

#include "hearth/convert/imatrix.h"
#include "hearth/convert/mix.h"

namespace hearth {

struct Recipe {
  Mix mix;
  // Every tensor of a GGUF file keeps its format, and a directory its float type; not `mix`.
  bool as_stored = false;
  const Imatrix* importance = nullptr;  // may be absent; outlives the conversion
  std::string importance_file;          // its name, for the file's metadata
  std::string adapter;                  // path of one that is merged into the weights; "": none
};

}  // namespace hearth
