// A suite: where its items come from and when a reply is right. One file each, listed in suites.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/eval/statistics.h"

namespace hearth {

// R1's published setting: what its scores were measured with.
inline constexpr int64_t kR1ReplyTokensMax = 32'768;
inline constexpr double kR1Temperature = 0.6;
inline constexpr double kR1TopP = 0.95;

struct EvalItem {
  std::string id;
  std::string group;   // the score is also given for each group, e.g. "add"
  std::string detail;  // and each finer class, e.g. "add 5+5"
  std::string prompt;  // one user turn
  std::string answer;  // what the scorer holds the reply against
  // Its place in a table of scores (a needle's length and depth, a sum's task and carries); empty:
  // in none.
  struct {
    std::string row, column;
  } cell = {};
  // Of a suite by log-likelihood: what may follow the prompt, which is no turn but plain text.
  std::vector<std::string> continuations = {};
};

// What a scorer says of one reply.
struct Judgement {
  double value = 0;  // 1: right; between 0 and 1 only where a suite measures likeness
  std::string note;  // why a reply is wrong, where there is more to say than that

  bool right() const { return value == 1; }
};

inline Judgement judgement_of(bool right) {
  return {right ? 1.0 : 0.0, ""};
}

struct EvalRecord;

// A score of many replies together that isn't the mean of theirs: BLEU of a corpus.
struct Measure {
  std::string name;
  double value;  // in [0, 1]
  std::optional<Interval> ci95 = {};
};

struct Suite {
  std::string name;
  std::string description;
  int64_t max_tokens;      // longest reply that an item needs
  double temperature;      // what its published scores were drawn with; 0: greedy
  double top_p;            //
  std::string data_files;  // beside the bundled data, separated by commas; "": none, by path
  // The items of one data file, in the order of the file; errors name the line.
  std::function<Result<std::vector<EvalItem>>(const std::string& path)> load;
  // An error: the scorer could not work; it says nothing of the reply.
  std::function<Result<Judgement>(const EvalItem& item, std::string_view reply)> judge;
  // Whether the scorer can work on this machine, asked before anything runs; none: it always can.
  std::function<Status()> ready = {};
  // Beside the mean of the values; none: nothing.
  std::function<std::vector<Measure>(const std::vector<EvalRecord>& records)> measures = {};
  // How `judge` compares, where a user chose it: records of another choice are another run's.
  std::string scorer = "";
  int64_t prompt_tokens = 1024;  // room for an item's prompt, in tokens
  // What bounded the programs that the scorer ran, for the report; none: it runs none.
  std::function<std::string()> sandbox = {};
};

const Suite* find_suite(std::string_view name);  // nullptr: no such suite
std::vector<const Suite*> all_suites();

}  // namespace hearth
