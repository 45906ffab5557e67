// See rpc_status.h.
#include "hearth/serve/grpc/rpc_status.h"

#include <google/rpc/error_details.pb.h>

namespace hearth::serve {
namespace {

constexpr const char* kDomain = "hearth";

RpcCode code_of(const ApiError& error) {
  if (error.code == "deadline_exceeded") return RpcCode::deadline_exceeded;
  if (error.code == "overloaded") return RpcCode::resource_exhausted;
  switch (error.status) {
    case 400:
    case 422:
      return RpcCode::invalid_argument;
    case 401:
      return RpcCode::unauthenticated;
    case 403:
      return RpcCode::permission_denied;
    case 404:
      return RpcCode::not_found;
    case 409:
      return RpcCode::already_exists;
    case 429:
      return RpcCode::resource_exhausted;
    case 499:
      return RpcCode::cancelled;
    case 501:
      return RpcCode::unimplemented;
    case 503:
      return RpcCode::unavailable;
    default:
      return RpcCode::internal;
  }
}

}  // namespace

std::string_view rpc_code_name(RpcCode code) {
  switch (code) {
    case RpcCode::ok:
      return "OK";
    case RpcCode::cancelled:
      return "CANCELLED";
    case RpcCode::invalid_argument:
      return "INVALID_ARGUMENT";
    case RpcCode::deadline_exceeded:
      return "DEADLINE_EXCEEDED";
    case RpcCode::not_found:
      return "NOT_FOUND";
    case RpcCode::already_exists:
      return "ALREADY_EXISTS";
    case RpcCode::permission_denied:
      return "PERMISSION_DENIED";
    case RpcCode::resource_exhausted:
      return "RESOURCE_EXHAUSTED";
    case RpcCode::unimplemented:
      return "UNIMPLEMENTED";
    case RpcCode::internal:
      return "INTERNAL";
    case RpcCode::unavailable:
      return "UNAVAILABLE";
    case RpcCode::unauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

RpcStatus rpc_status(const ApiError& error) {
  RpcStatus out;
  out.code = code_of(error);
  out.message = error.message;
  google::rpc::Status status;
  status.set_code(static_cast<int>(out.code));
  status.set_message(error.message);
  google::rpc::ErrorInfo info;
  info.set_reason(error.code);
  info.set_domain(kDomain);
  status.add_details()->PackFrom(info);
  if (!error.param.empty()) {
    google::rpc::BadRequest request;
    auto* violation = request.add_field_violations();
    violation->set_field(error.param);
    violation->set_description(error.message);
    status.add_details()->PackFrom(request);
  }
  if (error.retry_after > 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(error.retry_after);
    status.add_details()->PackFrom(retry);
  }
  out.details = status.SerializeAsString();
  return out;
}

}  // namespace hearth::serve
