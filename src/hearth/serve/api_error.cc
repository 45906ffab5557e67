// See api_error.h.
#include "hearth/serve/api_error.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hearth/files/json.h"

namespace hearth::serve {
namespace {

int http_status(Code code) {
  switch (code) {
    case Code::ok:
      return 200;
    case Code::not_found:
      return 404;
    case Code::busy:
    case Code::cancelled:
      return 503;
    case Code::internal:
      return 500;
    case Code::invalid:
    case Code::corrupt:
    case Code::unsupported:
    case Code::no_memory:  // of one request: it asks for more than the cache holds
      return 400;
  }
  return 500;
}

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace

std::string_view ApiError::type() const {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

ApiError api_error(int status, std::string code, std::string message, int retry_after) {
  return {status, std::move(message), "", std::move(code), retry_after};
}

ApiError bad_field(std::string param, std::string code, std::string message) {
  ApiError error = api_error(400, std::move(code), std::move(message));
  error.param = std::move(param);
  return error;
}

ApiError failure_of(const Status& status) {
  if (status.code() != Code::corrupt) return error_of(status, "");
  return api_error(500, std::string(code_name(status.code())), status.message());
}

ApiError error_of(const Status& status, std::string param) {
  ApiError error = api_error(http_status(status.code()), std::string(code_name(status.code())),
                             status.message());
  error.param = std::move(param);
  return error;
}

std::string error_json(const ApiError& error) {
  const Json body = {{"error",
                      {{"message", error.message},
                       {"type", std::string(error.type())},
                       {"param", or_null(error.param)},
                       {"code", or_null(error.code)}}}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::serve
