// Reflection: what the server offers, told to clients that know none of it (grpc_cli, grpcurl). Our
// own instead of grpc++'s, which knows no keys, holds a thread for each client and speaks v1alpha
// only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/serve/api_error.h"

namespace hearth::serve {

// Answers a ServerReflectionRequest of grpc.reflection.v1 (or v1alpha: the same bytes).
std::optional<ApiError> reflect(std::string_view request, std::string& response);

}  // namespace hearth::serve
