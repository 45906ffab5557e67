// Scheduler: decides which tokens run in the next step. Arithmetic on integers: no clock, no
// thread, no tensor. Running sequences decode one token each; what is left of the step's budget
// goes to known tokens that are not computed yet, in chunks: half of it to the oldest sequence, so
// that none starves, the rest to the shortest, so that none waits behind a long one.
//
// A sequence runs when there are blocks for its known tokens and one more, and takes others as it
// grows. When none is left the last in rank (lowest priority, then latest arrival) gives its blocks
// back and waits; its tokens are computed again later, each in its own role, which gives the same
// bits. The first in rank is never stopped, so everything ends.
//
// A decoding sequence may bring drafts: rows behind its own, as far as there is room that nobody
// else needs. Those that prove wrong leave nothing: the next rows take their places in the cache.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "hearth/backend/batch.h"
#include "hearth/engine/block_pool.h"
#include "hearth/engine/sequence.h"

namespace hearth {

enum class Reserve : uint8_t {
  prompt,  // blocks as a sequence grows; it may have to wait in the middle
  full,    // blocks of the whole length on admission: what runs, runs to its end
};

struct SchedulerLimits {
  int64_t batch_tokens_max = 512;  // rows in one step
  int64_t sequences_max = 64;      // running at once
  int64_t queue_max = 4096;        // waiting for their first step
  Reserve reserve = Reserve::prompt;
  bool prefix_cache = true;  // full blocks stay known after their sequence
};

// Gauges and counters of one moment.
struct SchedulerStats {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t blocks_total = 0;  // = held + cached + free
  int64_t blocks_held = 0;
  int64_t blocks_cached = 0;
  int64_t blocks_free = 0;
  int64_t preemptions = 0;    // since the start, as all below
  int64_t prompt_tokens = 0;  // of sequences that ran
  int64_t cached_tokens = 0;  // of these, found in the prefix cache
};

class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, int64_t blocks,
            const PrefixHasher& hasher = PrefixHasher::random());

  // Blocks that a sequence of this length needs.
  static int64_t blocks_for(int64_t length);
  bool fits(int64_t length_max) const { return blocks_for(length_max) <= pool_.total(); }

  // The queue has no room: add() must not be called.
  bool full() const { return static_cast<int64_t>(waiting_.size()) >= limits_.queue_max; }
  // The sequence must fit; it waits for its turn. Owner stays the caller, until remove().
  void add(Sequence* sequence);
  void remove(Sequence* sequence);
  bool idle() const { return waiting_.empty() && running_.empty(); }
  SchedulerStats stats() const;
  // In the order of rank. Their drafts may be set before plan(), which cuts them to what fits.
  std::span<Sequence* const> running() const { return running_; }
  // From now on plan() keeps to this share of the limits on sequences and rows, in (0, 1]: a
  // machine that is too warm does less at once. What runs already goes on.
  void set_share(double share);
  // From now on plan() gives prompts no more rows than this, all together, in a step in which other
  // sequences decode.
  void set_chunk_rows(int64_t rows);
  // Of running sequences that decode, with their drafts: what the next step has besides prompts.
  int64_t decoding_rows() const;

  // One step of work; empty when there is none. `owners[i]` is the sequence of batch.sequences[i],
  // `outputs[i]` of batch.logits_rows are its, or of batch.hidden_rows where it wants those. Valid
  // until the next plan(), which takes its memory again.
  struct Plan {
    Batch batch;
    std::vector<Sequence*> owners;
    std::vector<int64_t> outputs;
    int64_t chunk_rows = 0;  // of batch.rows(), those of sequences that don't decode
  };
  const Plan& plan();
  // The step was computed: moves every owner forward by its rows, those of drafts left out.
  void commit(const Plan& plan);
  // The first `accepted` of its drafts are among its tokens now; the rest is forgotten.
  void accept_drafts(Sequence& sequence, int64_t accepted);

 private:
  int64_t seats() const;
  int64_t rows_max() const;
  void grow();
  void admit();
  bool make_room(const Sequence& next);
  int64_t blocks_on_entry(const Sequence& sequence) const;
  void find_prefix(const Sequence& sequence);
  void enter(Sequence& sequence);
  void preempt(Sequence& sequence);
  void release_blocks(Sequence& sequence);
  void publish(Sequence& sequence);
  void free_followers(Sequence& leader);
  BlockContent content(const Sequence& sequence, int64_t block) const;
  void clear_plan();
  void add_decoding(Sequence& sequence);
  void add_chunks();
  void add_rows(Sequence& sequence, int64_t rows);

  SchedulerLimits limits_;
  double share_ = 1;
  int64_t chunk_rows_ = std::numeric_limits<int64_t>::max();
  BlockPool pool_;
  PrefixHasher hasher_;
  std::deque<Sequence*> waiting_;  // both in the order of rank
  std::vector<Sequence*> running_;
  std::vector<int32_t> found_;      // blocks of the prefix that find_prefix() looked for
  Hash128 found_prefix_;            // name of the last of them
  std::vector<Sequence*> chunked_;  // sequences with more than one row to do, shortest first
  SchedulerStats counters_;
  Plan plan_;
  std::vector<SequenceRows> spare_;  // for their block tables' memory
};

}  // namespace hearth
