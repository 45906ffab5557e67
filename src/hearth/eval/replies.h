// Where the replies of a run come from: the engine of this process, or a server somewhere else. Who
// makes them hands each over as it ends; it never waits for their scores.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/engine/generation.h"
#include "hearth/eval/suite.h"
#include "hearth/sensors/rapl.h"

namespace hearth {

// One reply that a run wants.
struct ReplyTask {
  int64_t item = 0;    // place in the list of items
  int64_t sample = 0;  // which reply to it
  uint64_t seed = 0;   // drawn from the run's seed and the two above
};

// A continuation that was scored, not written.
struct ChoiceLikelihood {
  double log_likelihood = 0;  // natural logarithm; the sum over its tokens
  int64_t tokens = 0;
  int64_t bytes = 0;  // of its text
  double per_byte() const { return log_likelihood / static_cast<double>(bytes); }
};

struct MadeReply {
  std::string text, reasoning;
  std::string finish_reason;
  int64_t tokens = 0;            // thought and answer
  double seconds = 0;            // from when it was asked for to its end, beside others
  std::optional<double> joules;  // its share of what the machine took; nullopt: no counter here
  std::vector<ChoiceLikelihood> choices;  // of a suite by log-likelihood
};

// `task` counts the tasks as they were given. Any thread may call it. False: make no more.
using TakeReply = std::function<bool(size_t task, MadeReply reply)>;

// Makes a reply for each task, in any order, and returns when the last was taken.
// cancelled: `take` said that it has enough.
using ReplySource =
    std::function<Status(const std::vector<EvalItem>& items, const std::vector<ReplyTask>& tasks,
                         const TakeReply& take)>;

struct EngineReplies {
  SamplingParams sampling;                 // its seed is each task's own
  int64_t max_tokens = 0;                  // of a reply
  int64_t batch = 16;                      // replies that are written together
  std::shared_ptr<const Adapter> adapter;  // that writes them; null: the bare model
  RaplCounter* energy = nullptr;           // asked in each step; null: energy isn't counted
};

// Model, engine and counter must outlive it.
ReplySource engine_replies(const TextModel& model, Engine& engine, EngineReplies options);

}  // namespace hearth
