// What the replies of a run took: sums and spread of their seconds and joules, for the report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/eval/record.h"

namespace hearth {

// Of the replies for which the amount is known.
struct Spread {
  int64_t replies = 0;
  double sum = 0, mean = 0, median = 0, p90 = 0, max = 0;
};

using Amount = std::optional<double> EvalRecord::*;  // &EvalRecord::seconds or ::joules

using RecordRefs = std::vector<const EvalRecord*>;
RecordRefs refs_of(const std::vector<EvalRecord>& records);

// nullopt: it is known of none.
std::optional<Spread> spread_of(const RecordRefs& records, Amount amount);

Json to_json(const Spread& spread);

// A plot of what each reply took, by its tokens: one point each, filled where the reply is right.
// Of more than 4000 replies every second, third, ... is drawn. "": known of none.
std::string cost_chart_svg(const RecordRefs& records, Amount amount, const char* unit);

}  // namespace hearth
