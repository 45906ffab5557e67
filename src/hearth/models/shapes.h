// The published shapes of the R1 family and its base models by name: what `hearth bench` measures
// and `hearth tiny` writes without a download. Each is a config.json reduced to the fields that
// decide tensors and arithmetic, under their exact Hugging Face names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/json.h"

namespace hearth {

std::vector<std::string_view> shape_names();

// The config of a shape, of its first `layers` layers only where that is > 0.
// unsupported: no such name.  invalid: more layers than the shape has.
Result<Json> shape_config(std::string_view name, int64_t layers = 0);

// The number of parameters that a config's tensors hold.
Result<int64_t> count_parameters(const Json& config);

}  // namespace hearth
