// ModelDrafter: guesses with a smaller model of the same vocabulary. It runs on the engine's
// backend and has a KV cache of its own with as many blocks, in which a sequence has the places
// that it has in the engine's; so it needs no bookkeeping of blocks.
//
// It is lazy: a sequence is followed only when guesses for it are wanted, and what it has missed
// (the prompt, at first) is caught up with in pieces, a piece a step, so that no step becomes long.
// What is in a block that another sequence has filled is taken for unknown. A guess may suffer by
// all this, a token can't.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "hearth/engine/batch_drafter.h"
#include "hearth/models/model.h"

namespace hearth {

class ModelDrafter : public BatchDrafter {
 public:
  // Model and backend must outlive it. `cache` is of the model's kv_spec, with the engine's number
  // of blocks. Guesses are below `vocab_size`, that of the engine's model.
  ModelDrafter(const Model& model, Backend& backend, KvCache cache, int64_t vocab_size);

  Status run(std::span<Part> parts) override;
  void forget(int64_t sequence) override { followed_.erase(sequence); }

  // Known tokens that a step catches up with, of one sequence and of all.
  static constexpr int64_t kFollowRows = 64;
  static constexpr int64_t kFollowRowsOfAll = 512;

 private:
  // What the cache holds of a sequence.
  struct Followed {
    int64_t known = 0;            // its first tokens
    int64_t seen_computed = 0;    // of the engine, when last looked at
    std::vector<int32_t> blocks;  // in which they are
    std::vector<int32_t> beyond;  // guesses that were computed behind all its tokens then
    int64_t beyond_from = 0;      // the place of the first
  };
  // One that gets guesses in this run.
  struct Job {
    Part* part;
    Followed* followed;
    int64_t rows_left;  // to catch up with
  };

  void revisit(Followed& followed, const Sequence& sequence) const;
  bool add_rows(Job& job);
  Status compute();

  const Model& model_;
  Backend& backend_;
  KvCache cache_;
  const int64_t vocab_size_;
  std::map<int64_t, Followed> followed_;  // by the sequence's id
  std::vector<Job> jobs_;
  int64_t rows_left_ = 0;  // of all
  Batch batch_;
  std::vector<Part*> guessing_;  // whose guess each row of the logits is
};

}  // namespace hearth
