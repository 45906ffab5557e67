// JSON lines: one object a line, errors with the line's number, blank lines skipped.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hearth/eval/suite.h"
#include "hearth/files/json.h"

namespace hearth {

inline constexpr int64_t kDatasetBytesMax = int64_t{1} << 30;

Result<std::vector<EvalItem>> read_items(const std::string& path,
                                         const std::function<Result<EvalItem>(const Json&)>& item);

}  // namespace hearth
