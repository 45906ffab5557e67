// The header lines of a reply, as far as a download needs them.
#pragma once

#include <string_view>

#include "hearth/base/status.h"
#include "hearth/store/http_client.h"

namespace hearth::store {

// One line, with or without its line break. A status line starts over. corrupt: a body that is
// compressed, a length or a range that is none.
Status read_header_line(std::string_view line, HttpHead& head, double& retry_after);

}  // namespace hearth::store
