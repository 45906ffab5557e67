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

#include "hearth/engine/batch_drafter.h"
#include "hearth/models/model.h"

namespace hearth {

class MtpDrafter : public BatchDrafter {
 public:
  // Model and backend must outlive it; `cache` must keep states.
  MtpDrafter(const Model& model, Backend& backend, KvCache& cache)
      : model_(model), backend_(backend), cache_(cache) {}

  Status run(std::span<Part> parts) override;

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
