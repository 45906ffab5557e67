// RpcStatus: an ApiError as gRPC says it: a code, one line for people, and google.rpc details for
// programs.
#pragma once

#include <string>
#include <string_view>

#include "hearth/serve/api_error.h"

namespace hearth::serve {

// The codes of gRPC that Hearth answers with.
enum class RpcCode : int {
  ok = 0,
  cancelled = 1,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16,
};
std::string_view rpc_code_name(RpcCode code);  // "INVALID_ARGUMENT"

struct RpcStatus {
  RpcCode code = RpcCode::ok;
  std::string message;
  // google.rpc.Status, for the trailer grpc-status-details-bin: ErrorInfo with the error's code,
  // BadRequest with its field, RetryInfo with its wait. "": ok.
  std::string details;
};

RpcStatus rpc_status(const ApiError& error);

}  // namespace hearth::serve
