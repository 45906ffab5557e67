// Long-context retrieval: one fact ("needle") at a depth of a long text of other sentences, and a
// question that only the fact answers. Texts are drawn from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "hearth/eval/suite.h"

namespace hearth {

struct NeedleOptions {
  std::vector<int64_t> lengths = {1024, 2048, 4096};  // of a prompt, in tokens
  std::vector<double> depths = {0, 25, 50, 75, 100};  // percent of the text before the needle
  int64_t needles = 3;                                // of each length and depth
  uint64_t seed = 0;
};

// Its items are made by needle_items, not loaded; `prompt_tokens` is the longest of them.
Suite needle_suite(const NeedleOptions& options);

// Tokens of a text, without any that begin one.
using CountTokens = std::function<int64_t(std::string_view)>;

// Items by length, then depth. A prompt has at most `length` tokens and is less than about a
// sentence shorter; the same sentences surround the needles of one length and number at all depths.
// invalid: lengths or depths out of range, or more text than 1 GiB.
Result<std::vector<EvalItem>> needle_items(const NeedleOptions& options, const CountTokens& count);

}  // namespace hearth
