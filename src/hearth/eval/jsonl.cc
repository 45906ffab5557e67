// See jsonl.h.
#include "hearth/eval/jsonl.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/base/mapped_file.h"

namespace hearth {

Result<std::vector<EvalItem>> read_item_lines(
    const std::string& path, const std::function<Result<EvalItem>(std::string_view)>& item) {
  TRY_ASSIGN(const std::string content, read_file(path, kDatasetBytesMax));
  std::vector<EvalItem> items;
  int64_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    std::string_view line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    auto made = item(line);
    if (!made) return std::move(made).status().at(fmt::format("{}:{}", path, number));
    items.push_back(*std::move(made));
  }
  if (items.empty()) return error(Code::corrupt, "{}: expected items, found none", path);
  return items;
}

Result<std::vector<EvalItem>> read_items(const std::string& path,
                                         const std::function<Result<EvalItem>(const Json&)>& item) {
  return read_item_lines(path, [&](std::string_view line) -> Result<EvalItem> {
    TRY_ASSIGN(const Json parsed, parse_json(line));
    return item(parsed);
  });
}

std::vector<EvalItem> numbered(std::vector<EvalItem> items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].id.empty()) items[i].id = std::to_string(i);
  }
  return items;
}

std::string stem_of(const std::string& path) {
  std::string stem = path.substr(path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1);
  stem.resize(std::min(stem.rfind('.'), stem.size()));
  return stem;
}

}  // namespace hearth
