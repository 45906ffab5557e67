// Runs a suite: one or several replies to each item, from the engine or from elsewhere (replies.h),
// judged on threads of their own; a record for each reply, scores with confidence intervals.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hearth/eval/record.h"
#include "hearth/eval/replies.h"
#include "hearth/eval/statistics.h"
#include "hearth/eval/suite.h"

namespace hearth {

struct Score {
  int64_t right = 0;    // replies
  int64_t replies = 0;  //
  int64_t n = 0;        // items
  double sum = 0;       // of the replies' values
  // pass@1, the mean over all samples of all items. The interval counts items, not samples.
  double share() const { return replies ? sum / static_cast<double>(replies) : 0; }
  Interval ci95() const { return wilson95_of_share(share(), n); }
};

void add(Score& score, const EvalRecord& record);

struct EvalSettings {
  uint64_t seed = 0;                // of a reply is drawn from this one, its item and its sample
  int64_t samples = 1;              // of each item
  std::vector<EvalRecord> earlier;  // records of this run from before it broke off: not redone
  // Each new record once it is judged, in the order in which the replies ended; on another thread
  // than the caller's, one at a time. An error ends the run.
  std::function<Status(const EvalRecord&)> on_record;
  std::function<bool(int64_t done, int64_t total, const Score& score)> progress;  // false: stop
  int judges = 0;  // threads that score; 0: judging_threads()
};

// Of items that lie in cells; rows and columns in the order of the items.
struct ScoreTable {
  std::vector<std::string> rows, columns;
  std::map<std::pair<std::string, std::string>, Score> cells;
};

struct EvalResult {
  std::vector<EvalRecord> records;  // by item, then sample
  Score all;
  std::map<std::string, Score> groups;   // by EvalItem::group
  std::map<std::string, Score> details;  // by EvalItem::detail
  ScoreTable table;                      // by EvalItem::cell
  std::vector<Measure> measures;         // of the suite
  int64_t tokens = 0;                    // of all replies
  int64_t new_tokens = 0;                // of those written now
  double seconds = 0;                    // that they took, their scores included
};

struct Estimate {
  double value;
  Interval ci95;  // bootstrap over items; Wilson's where all items are 0, or all 1
};

// pass@k of records by item: the chance that of k replies to an item one is right, by the unbiased
// estimator 1 - C(n-c, k) / C(n, k) from n replies with c right (Chen et al. 2021), as a mean over
// the items. For k = 1, 2, 5, 10, 100 and the number of samples, as far as there are samples.
std::map<int64_t, Estimate> pass_at(const std::vector<EvalRecord>& records, int64_t samples);
double pass_at_k(int64_t n, int64_t c, int64_t k);

Result<EvalResult> run_suite(const Suite& suite, const std::vector<EvalItem>& items,
                             const ReplySource& replies, EvalSettings settings);

}  // namespace hearth
