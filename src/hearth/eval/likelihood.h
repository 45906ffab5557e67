// Choices by log-likelihood: no reply is written; the continuation counts that the model finds
// likeliest behind the question, by the sum of its tokens' log-probabilities.
#pragma once

#include <vector>

#include "hearth/eval/replies.h"

namespace hearth {

// A text and what may follow it, as tokens.
struct Continued {
  std::vector<int32_t> shared;             // the beginning of all: the prompt, or most of it
  std::vector<std::vector<int32_t>> ends;  // of each continuation, at least one token
};

// Each continuation is tokenized behind the prompt, as the model would read the whole text. Tokens
// that reach over the end of the prompt belong to the continuations.
// invalid: there is nothing before a continuation, or nothing in it.
Result<Continued> continued(const TextModel& model, const EvalItem& item);

struct LikelihoodReplies {
  int64_t batch = 16;                      // sequences that run together
  std::shared_ptr<const Adapter> adapter;  // null: the bare model
  RaplCounter* energy = nullptr;           // asked in each step; null: energy isn't counted
};

// Source of replies that are a letter each, for items with `continuations`: A where the first is
// the likeliest, and so on; of equal ones the first counts. The question is computed once for all
// its continuations. Model, engine and counter must outlive it.
ReplySource likelihood_replies(const TextModel& model, Engine& engine, LikelihoodReplies options);

}  // namespace hearth
