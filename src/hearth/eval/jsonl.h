// Files of one item a line: JSON lines, or fields between tabs. Errors name the line, blank lines
// are skipped.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/eval/suite.h"
#include "hearth/files/json.h"

namespace hearth {

inline constexpr int64_t kDatasetBytesMax = int64_t{1} << 30;

Result<std::vector<EvalItem>> read_items(const std::string& path,
                                         const std::function<Result<EvalItem>(const Json&)>& item);

// The same of lines as they are, without their line breaks.
Result<std::vector<EvalItem>> read_item_lines(
    const std::string& path, const std::function<Result<EvalItem>(std::string_view)>& item);

// Items without a name are called by their place in the file.
std::vector<EvalItem> numbered(std::vector<EvalItem> items);

// "mgsm_sw" of "data/mgsm_sw.tsv".
std::string stem_of(const std::string& path);

}  // namespace hearth
