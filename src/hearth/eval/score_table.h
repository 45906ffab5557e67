// Scores of a suite whose items lie in a table: by length and depth of a needle,
// by task and carries of a sum.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hearth/eval/run.h"

namespace hearth {

// Rows and columns in the order of the items. JSON: [{row, column, n, score, ci95}].
Json table_json(const ScoreTable& table);
std::string table_markdown(const ScoreTable& table);
// A heat map: cells shaded by their score, which they also name.
std::string table_html(const ScoreTable& table);

}  // namespace hearth
