// What a user asks of a conversion.
#pragma once

#include <string>

#include "hearth/convert/imatrix.h"
#include "hearth/convert/mix.h"

namespace hearth {

struct Recipe {
  Mix mix;
  const Imatrix* importance = nullptr;  // may be absent; outlives the conversion
  std::string importance_file;          // its name, for the file's metadata
};

}  // namespace hearth
