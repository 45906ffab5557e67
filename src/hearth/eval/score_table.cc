// See score_table.h.
#include "hearth/eval/score_table.h"

#include <nlohmann/json.hpp>

#include "hearth/eval/html_text.h"

namespace hearth {
namespace {

const Score* cell_of(const ScoreTable& table, const std::string& row, const std::string& column) {
  const auto found = table.cells.find({row, column});
  return found == table.cells.end() ? nullptr : &found->second;
}

// From white (0) to the blue of the charts (1).
std::string shade_of(double share) {
  const auto between = [&](int blue) {
    return static_cast<int>(255 + share * static_cast<double>(blue - 255));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", between(0x56), between(0xb4), between(0xe9));
}

}  // namespace

Json table_json(const ScoreTable& table) {
  Json out = Json::array();
  for (const std::string& row : table.rows) {
    for (const std::string& column : table.columns) {
      const Score* score = cell_of(table, row, column);
      if (score == nullptr) continue;
      const Interval ci = score->ci95();
      out.push_back({{"row", row},
                     {"column", column},
                     {"n", score->n},
                     {"score", score->share()},
                     {"ci95", {ci.low, ci.high}}});
    }
  }
  return out;
}

std::string table_markdown(const ScoreTable& table) {
  if (table.cells.empty()) return "";
  std::string head = "\n| |", rule = "|---|", rows;
  for (const std::string& column : table.columns) {
    head += fmt::format(" {} |", column);
    rule += "---|";
  }
  for (const std::string& row : table.rows) {
    rows += fmt::format("| {} |", row);
    for (const std::string& column : table.columns) {
      const Score* score = cell_of(table, row, column);
      rows += score == nullptr ? " |"
                               : fmt::format(" {:.1f} % of {} |", 100 * score->share(), score->n);
    }
    rows += "\n";
  }
  return head + "\n" + rule + "\n" + rows;
}

std::string table_html(const ScoreTable& table) {
  if (table.cells.empty()) return "";
  std::string out = "<h2>Table of scores</h2>\n<table><tr><th></th>";
  for (const std::string& column : table.columns) {
    out += fmt::format("<th>{}</th>", escaped_html(column));
  }
  out += "</tr>\n";
  for (const std::string& row : table.rows) {
    out += fmt::format("<tr><td>{}</td>", escaped_html(row));
    for (const std::string& column : table.columns) {
      const Score* score = cell_of(table, row, column);
      if (score == nullptr) {
        out += "<td></td>";
        continue;
      }
      const Interval ci = score->ci95();
      out += fmt::format(
          "<td style=\"background:{}\" title=\"{:.1f} to {:.1f} %\">{:.1f} % of {}</td>",
          shade_of(score->share()), 100 * ci.low, 100 * ci.high, 100 * score->share(), score->n);
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace hearth
