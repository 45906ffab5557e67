// A suite of the user's own: a YAML file that names a JSONL file of items, a prompt with places to
// fill, and a scorer. docs/evaluation.md describes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hearth/files/json.h"

namespace hearth::own {

enum class Scorer { exact, contains, regex, numeric, json_schema, code };

struct SuiteFile {
  std::string name;
  std::string data;    // path of the items, relative to the YAML's folder; "": --data
  std::string prompt;  // {{member}} stands for a member of the item
  std::string answer = "{{answer}}";
  std::string id = "";  // "": the item's place in its file
  std::string group = "";
  Scorer scorer = Scorer::exact;
  bool ignore_case = false;  // of exact and contains
  int64_t max_tokens = 32'768;
  double temperature = 0.6, top_p = 0.95;
};

std::string scorer_text(const SuiteFile& suite);  // e.g. "contains, ignore_case"

// corrupt: not YAML, an unknown key, a value of the wrong kind; the message names the line.
Result<SuiteFile> parse_suite(std::string_view yaml);

// `pattern` with each {{member}} replaced by the item's member: texts as they are, other values as
// JSON. corrupt: a member that the item lacks, or a place without an end.
Result<std::string> filled(std::string_view pattern, const Json& item);

}  // namespace hearth::own
