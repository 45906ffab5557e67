// Whether a model may have seen a suite's items in what it was tuned on: runs of words that an item
// and the tuning set have in common.
#pragma once

#include <string>
#include <vector>

#include "hearth/eval/run.h"

namespace hearth {

struct Contamination {
  static constexpr int64_t kWords = 13;      // of a run that counts, as in Brown et al. 2020
  static constexpr int64_t kWordsLeast = 5;  // of an item; one below kWords is compared whole
  static constexpr double kThreshold = 0.5;  // share of an item's words that lie in such runs

  struct Item {
    std::string id;
    double share;
  };
  std::vector<std::string> files;
  int64_t texts = 0;        // of the tuning set
  int64_t checked = 0;      // items
  int64_t too_short = 0;    // items with fewer than kWordsLeast words, of which nothing is said
  std::vector<Item> items;  // at or above the threshold, in their order
};

// Each file has one JSON value a line; all texts in it count, whatever their names, each on its
// own. Words are without case and punctuation; a character is one where a script has no spaces.
// What all prompts begin and end with, and runs that more than one in twenty of them has, are the
// suite's own words and don't count. Errors name the line.
Result<Contamination> find_contamination(const std::vector<EvalItem>& items,
                                         const std::vector<std::string>& files);

// The score of the items that are not in it.
Score score_without(const Contamination& contamination, const std::vector<EvalRecord>& records);

// `clean`: score_without it.
Json to_json(const Contamination& contamination, const Score& clean);
// A sentence or two, without the list of items.
std::string in_words(const Contamination& contamination, const Score& clean);

}  // namespace hearth
