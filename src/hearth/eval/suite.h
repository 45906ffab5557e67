// A suite: where its items come from and when a reply is right. One file each, listed in suites.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"

namespace hearth {

struct EvalItem {
  std::string id;
  std::string group;   // the score is also given for each group, e.g. "add"
  std::string detail;  // and each finer class, e.g. "add 5+5"
  std::string prompt;  // one user turn
  std::string answer;  // what the scorer holds the reply against
};

struct Suite {
  std::string_view name;
  std::string_view description;
  int64_t max_tokens;           // longest reply that an item needs
  double temperature;           // what its published scores were drawn with; 0: greedy
  double top_p;                 //
  std::string_view data_files;  // beside the bundled data, separated by commas; "": none, by path
  // The items of one data file, in the order of the file; errors name the line.
  Result<std::vector<EvalItem>> (*load)(const std::string& path);
  bool (*is_right)(const EvalItem& item, std::string_view reply);
};

const Suite* find_suite(std::string_view name);  // nullptr: no such suite
std::vector<const Suite*> all_suites();

}  // namespace hearth
