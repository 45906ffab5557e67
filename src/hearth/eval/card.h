// The quantisation card: what each format of a model costs, in one table. Size, speed, perplexity
// and KL divergence against the model as stored, and scores of suites with a paired verdict.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/eval/compare.h"
#include "hearth/eval/perplexity.h"
#include "hearth/eval/run.h"

namespace hearth {

struct CardScore {
  std::string suite;
  Score score;
  std::optional<RunComparison> against_base;  // of the same items; absent in the base's own row
};

struct CardRow {
  std::string format;
  int64_t bytes = 0;        // of the files with weights
  int64_t parameters = 0;   //
  double decode_tok_s = 0;  // one sequence; the median of several runs
  PerplexityResult text;
  std::vector<CardScore> scores;  // of the card's suites, in their order
};

struct Card {
  std::string model;
  std::string command;        // that makes it again
  std::string text_name;      // of what the perplexity is
  std::string machine;        // that the speeds are of
  std::vector<CardRow> rows;  // the base first
};

// The worst that any suite says of a row. The base itself has none.
std::optional<Verdict> verdict_of(const CardRow& row);

Json to_json(const Card& card);
std::string to_markdown(const Card& card);

}  // namespace hearth
