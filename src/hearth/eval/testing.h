// For tests: the lines of JSON files, and items of a suite's file.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hearth/eval/jsonl.h"
#include "hearth/eval/run.h"

namespace hearth {

inline std::vector<Json> json_lines(const std::string& path) {
  std::vector<Json> out;
  const auto read = read_items(path, [&](const Json& line) -> Result<EvalItem> {
    out.push_back(line);
    return EvalItem();
  });
  CHECK(read.has_value());
  return out;
}

// Goldens of tools/golden: the first line has the versions of the tools that made the others.
inline std::vector<Json> verdicts_of(const std::string& path) {
  std::vector<Json> lines = json_lines(path);
  CHECK(lines.front().contains("versions"));
  lines.erase(lines.begin());
  return lines;
}

inline std::vector<EvalItem> items_of(const char* suite, const std::string& path) {
  auto items = find_suite(suite)->load(path);
  EXPECT_TRUE(items.has_value()) << items.status().message();
  return items ? *std::move(items) : std::vector<EvalItem>();
}

}  // namespace hearth
