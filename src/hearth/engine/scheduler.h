// Scheduler: decides which tokens run in the next step. Arithmetic on integers: no clock, no
// thread, no tensor. Running sequences decode one token each; what is left of the step's budget
// goes to prompts in the order of arrival, in chunks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "hearth/backend/batch.h"
#include "hearth/engine/block_pool.h"

namespace hearth {

// One request as the scheduler sees it. Tokens [0, computed) are in the KV cache.
struct Sequence {
  int64_t id = 0;
  std::vector<int32_t> tokens;  // prompt, then what was generated
  int64_t prompt_length = 0;
  int64_t length_max = 0;  // prompt + answer; blocks for it are reserved on admission
  int64_t computed = 0;
  bool all_logits = false;  // the logits of every prompt row are wanted, not only the last
  std::vector<int32_t> blocks;

  bool in_prompt() const { return computed < prompt_length; }
};

struct SchedulerLimits {
  int64_t batch_tokens_max = 512;  // rows in one step
  int64_t sequences_max = 64;      // running at once
};

class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, int64_t blocks) : limits_(limits), pool_(blocks) {}

  // Blocks that a sequence of this length needs.
  static int64_t blocks_for(int64_t length);
  bool fits(int64_t length_max) const { return blocks_for(length_max) <= blocks_total(); }

  // The sequence must fit; it waits for its turn. Owner stays the caller, until remove().
  void add(Sequence* sequence) { waiting_.push_back(sequence); }
  void remove(Sequence* sequence);
  bool idle() const { return waiting_.empty() && running_.empty(); }

  // One step of work; empty when there is none. `owners[i]` is the sequence of batch.sequences[i].
  // Valid until the next plan(), which takes its memory again.
  struct Plan {
    Batch batch;
    std::vector<Sequence*> owners;
  };
  const Plan& plan();
  // The step was computed: moves every owner forward by its rows.
  void commit(const Plan& plan);

 private:
  int64_t blocks_total() const;
  void admit();
  void clear_plan();
  void add_rows(Sequence& sequence, int64_t rows);

  SchedulerLimits limits_;
  BlockPool pool_;
  int64_t blocks_held_ = 0;
  std::deque<Sequence*> waiting_;
  std::vector<Sequence*> running_;
  Plan plan_;
  std::vector<SequenceRows> spare_;  // for their block tables' memory
};

}  // namespace hearth
