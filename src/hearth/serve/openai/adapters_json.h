// The JSON of /v1/adapters: what is loaded, and what is asked to be. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/serve/adapters.h"

namespace hearth::serve {

// POST: {"name": "law", "path": "law-v2"}
struct AdapterRequest {
  std::string name, path;
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};
std::optional<ApiError> read_adapter_request(std::string_view body, AdapterRequest& out);

// `base`: the name of the served model; "base:adapter" is what requests call the two.
std::string adapter_json(const LoadedAdapter& loaded, const std::string& base);
std::string adapters_json(const std::vector<LoadedAdapter>& all, const std::string& base);
// {"id": NAME, "object": "adapter", "deleted": true}
std::string adapter_gone_json(const std::string& name);

}  // namespace hearth::serve
