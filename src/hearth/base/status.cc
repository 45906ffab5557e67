// Names of the eight error codes, as users see them in logs and JSON.
#include "hearth/base/status.h"

namespace hearth {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::corrupt:
      return "corrupt";
    case Code::unsupported:
      return "unsupported";
    case Code::no_memory:
      return "no_memory";
    case Code::busy:
      return "busy";
    case Code::cancelled:
      return "cancelled";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace hearth
