// Whether the second of two runs of the same items is worse than the first: the difference of their
// scores over paired items, with an interval and an exact test, and in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hearth/eval/record.h"
#include "hearth/eval/statistics.h"

namespace hearth {

enum class Verdict { no_difference, better, worse };  // of the second, at the 5 % level

struct RunComparison {
  int64_t items = 0;      // that both runs have answered
  int64_t unpaired = 0;   // that only one has: left out
  double a = 0, b = 0;    // scores over the paired items
  double difference = 0;  // b - a
  Interval ci95{};        // of the difference: paired bootstrap over items
  // Where each item has one reply that is right or wrong: items that one run alone has right, and
  // McNemar's exact p. Else the interval alone decides.
  int64_t only_a = 0, only_b = 0;
  std::optional<double> mcnemar_p;
  Verdict verdict = Verdict::no_difference;
};

// invalid: runs of different suites or prompts, or without an item in common.
Result<RunComparison> compare_runs(const StoredRecords& a, const StoredRecords& b);

std::string_view verdict_name(Verdict verdict);  // "no difference", "better", "worse"
// One sentence: what was found and how sure it is.
std::string in_words(const RunComparison& comparison);

}  // namespace hearth
