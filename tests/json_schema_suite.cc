// The public JSON-Schema test suite against the grammars of schemas. A grammar promises a part of
// what is valid, so a case ends in one of three ways: its schema is refused by a keyword's name; an
// invalid document is refused; a valid one is generated, or not. An invalid one that a grammar
// would generate is a failure. Prints the table that docs/structured-output.md shows. Usage:
// json_schema_suite SUITE.jsonl [DOC...]; each DOC must hold the table's rows as they are.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "hearth/text/grammar/testing.h"

namespace hearth::grammar {
namespace {

using Document = nlohmann::ordered_json;  // members as they come

struct Row {
  int refused_groups = 0, invalid = 0, generated = 0, valid = 0;
  std::set<std::string> keywords;  // that groups were refused for
  std::vector<std::string> failures;
};

// A document as a model may write it: members in every order (of few), `": "` or `":"` in between.
std::vector<std::string> spellings(const Document& data) {
  std::vector<Document> orders = {data};
  if (data.is_object() && data.size() <= 5) {
    orders.clear();
    std::vector<std::string> names;
    for (const auto& [name, value] : data.items()) names.push_back(name);
    std::ranges::sort(names);
    do {
      Document one = Document::object();
      for (const std::string& name : names) one[name] = data[name];
      orders.push_back(std::move(one));
    } while (std::ranges::next_permutation(names).found);
  }
  std::vector<std::string> out;
  for (const Document& one : orders) out.push_back(one.dump());
  return out;
}

// The keyword that a refusal names, by itself or as the end of a place; "false" for a schema by
// which nothing is valid; "": none.
std::string keyword_of(const std::string& message) {
  if (message.starts_with("nothing matches")) return "false";
  std::smatch found;
  const bool named = std::regex_search(message, found, std::regex("`([^`]+)`")) ||
                     std::regex_search(message, found, std::regex("^#[^:]*/([A-Za-z]+): "));
  return named ? found[1].str() : "";
}

void run_group(const Document& group, Row& row) {
  const auto compiled = compile_schema(group["schema"].dump());
  const std::string name = group["group"];
  if (!compiled) {
    ++row.refused_groups;
    const std::string keyword = keyword_of(compiled.status().message());
    row.keywords.insert(keyword);
    if (keyword.empty()) {
      row.failures.push_back(fmt::format("{}: {}", name, compiled.status().message()));
    }
    return;
  }
  for (const Document& one : group["cases"]) {
    const Document& data = one[1];
    const std::vector<std::string> texts = spellings(data);
    const bool taken = std::ranges::any_of(
        texts, [&](const std::string& text) { return matches(*compiled, text); });
    if (one[0]) {
      ++row.valid;
      row.generated += taken ? 1 : 0;
    } else if (taken) {
      row.failures.push_back(fmt::format("{}: takes {}", name, data.dump()));
    } else {
      ++row.invalid;
    }
  }
}

std::string text_of(const std::string& file, const Row& row) {
  std::string refused;
  for (const std::string& keyword : row.keywords) {
    refused += fmt::format("{}`{}`", refused.empty() ? "" : ", ", keyword);
  }
  if (!refused.empty()) refused = fmt::format("{}: {}", row.refused_groups, refused);
  return fmt::format("| {} | {} | {} of {} | {} |", file, row.invalid, row.generated, row.valid,
                     refused);
}

int run(const std::vector<std::string>& arguments) {
  std::ifstream suite(arguments[0]);
  std::map<std::string, Row> rows;
  for (std::string line; std::getline(suite, line);) {
    const Document group = Document::parse(line);
    run_group(group, rows[group["file"]]);
  }
  int failures = rows.empty() ? 1 : 0;
  std::vector<std::string> table;
  for (const auto& [file, row] : rows) {
    table.push_back(text_of(file, row));
    fmt::print("{}\n", table.back());
    for (const std::string& failure : row.failures) fmt::print(stderr, "{}: {}\n", file, failure);
    failures += static_cast<int>(row.failures.size());
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::ifstream file(arguments[i]);
    const std::string doc((std::istreambuf_iterator<char>(file)), {});
    for (const std::string& line : table) {
      if (doc.find(line + "\n") != std::string::npos) continue;
      fmt::print(stderr, "{}: expected the row {}\n", arguments[i], line);
      ++failures;
    }
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hearth::grammar

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return hearth::grammar::run(std::vector<std::string>(argv + 1, argv + argc));
}
