// ApiError: what a client is told when a request fails, as OpenAI's API says it: a status, a type
// for programs, one line for people, and the field that was wrong.
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/status.h"

namespace hearth::serve {

struct ApiError {
  int status = 500;
  std::string message;
  std::string param;    // the field; "": none
  std::string code;     // "": none
  int retry_after = 0;  // seconds, for 429 and 503; 0: not said

  // invalid_request_error, authentication_error, ...: it follows from the status.
  std::string_view type() const;
};

ApiError api_error(int status, std::string code, std::string message, int retry_after = 0);
// 400: a field of the request is wrong.
ApiError bad_field(std::string param, std::string code, std::string message);
// An engine's or a template's Status; `param` is the field that it judged.
ApiError error_of(const Status& status, std::string param);
// Why the engine gave an answer up: a model file that broke under way is no fault of the client's.
ApiError failure_of(const Status& status);

// {"error": {message, type, param, code}}
std::string error_json(const ApiError& error);

}  // namespace hearth::serve
