// MtpDrafter: guesses with the model's own layer for multi-token prediction (Model::has_mtp). After
// each step the layer is given the rows that the model has computed, so that its part of the KV
// cache is as long as the model's, in the same blocks: what is shared, taken back or computed again
// is so for both. The last row of a sequence guesses; the layer goes on from its own state where
// more guesses are wanted. All sequences of a step run as one batch.
//
// The layer's entry at a position also depends on the token behind it. At the end of a block that
// sequences share, it is that of the one that filled the block: a guess may suffer, a token can't.
#pragma once

#include <span>
#include <vector>

#include "hearth/engine/sequence.h"
#include "hearth/models/model.h"

namespace hearth {

class MtpDrafter {
 public:
  // Model and backend must outlive it; `cache` must keep states.
  MtpDrafter(const Model& model, Backend& backend, KvCache& cache)
      : model_(model), backend_(backend), cache_(cache) {}

  // A sequence of the step, with the tokens that came of it.
  struct Part {
    const SequenceRows* rows = nullptr;  // in that step, wrong guesses of the last one behind
    const Sequence* sequence = nullptr;
    int64_t wanted = 0;            // guesses of what follows its tokens
    std::vector<int32_t> guesses;  // out: as many, or fewer where its blocks end
  };
  // To be called behind each step of the model, before the next; with all its sequences.
  Status run(std::span<Part> parts);

 private:
  void follow(std::span<Part> parts);
  void go_on();
  void add(const SequenceRows& rows, std::span<const int32_t> tokens, int64_t first_state);
  Status compute();

  const Model& model_;
  Backend& backend_;
  KvCache& cache_;
  Batch batch_;
  std::vector<int64_t> states_;  // of the batch's rows
  std::vector<Part*> guessing_;  // whose guess each row of the logits is
};

}  // namespace hearth
