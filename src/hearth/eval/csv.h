// Tables as CSV (RFC 4180): fields between commas, quoted where they hold commas, quotes or line
// breaks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

using CsvRow = std::vector<std::string>;

// Empty lines are skipped. corrupt: a quoted field without an end, or text behind one; the message
// names the line.
Result<std::vector<CsvRow>> parse_csv(std::string_view text);

}  // namespace hearth
