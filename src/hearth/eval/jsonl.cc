// See jsonl.h.
#include "hearth/eval/jsonl.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"

namespace hearth {

Result<std::vector<EvalItem>> read_items(const std::string& path,
                                         const std::function<Result<EvalItem>(const Json&)>& item) {
  TRY_ASSIGN(const std::string content, read_file(path, kDatasetBytesMax));
  std::vector<EvalItem> items;
  int64_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}:{}", path, number);
    auto parsed = parse_json(line);
    if (!parsed) return std::move(parsed).status().at(place);
    auto made = item(*parsed);
    if (!made) return std::move(made).status().at(place);
    items.push_back(*std::move(made));
  }
  if (items.empty()) return error(Code::corrupt, "{}: expected items, found none", path);
  return items;
}

}  // namespace hearth
