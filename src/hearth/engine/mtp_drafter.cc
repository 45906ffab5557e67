// See mtp_drafter.h.
#include "hearth/engine/mtp_drafter.h"

#include <algorithm>

namespace hearth {

Status MtpDrafter::run(std::span<Part> parts) {
  for (Part& part : parts) part.guesses.clear();
  follow(parts);
  if (batch_.rows() == 0) return Status::ok();
  TRY(compute());
  while (!guessing_.empty()) {
    go_on();
    if (batch_.rows() == 0) break;
    TRY(compute());
  }
  return Status::ok();
}

// The rows of the step that are right, each with the token that followed it. An answer that has
// ended has none behind its last row.
void MtpDrafter::follow(std::span<Part> parts) {
  batch_ = {};
  states_.clear();
  guessing_.clear();
  for (Part& part : parts) {
    const Sequence& s = *part.sequence;
    const int64_t end = std::min(s.computed, s.length() - 1);
    const int64_t count = end - part.rows->start;
    if (count <= 0) continue;
    const auto following = std::span(s.tokens).subspan(static_cast<size_t>(part.rows->start + 1),
                                                       static_cast<size_t>(count));
    SequenceRows rows = *part.rows;
    rows.rows = count;
    add(rows, following, part.rows->first_row);
    if (part.wanted == 0) continue;
    batch_.logits_rows.push_back(batch_.rows() - 1);
    guessing_.push_back(&part);
  }
}

// One row each for those that want another guess: the last one, with the state that gave it.
void MtpDrafter::go_on() {
  const std::vector<Part*> before = std::move(guessing_);
  guessing_.clear();
  batch_ = {};
  states_.clear();
  for (size_t i = 0; i < before.size(); ++i) {
    Part& part = *before[i];
    const Sequence& s = *part.sequence;
    const auto guessed = static_cast<int64_t>(part.guesses.size());
    SequenceRows rows;
    rows.rows = 1;
    rows.start = s.length() - 2 + guessed;
    rows.role = Role::generated;
    const auto held = static_cast<int64_t>(s.blocks.size());
    if (guessed == part.wanted || rows.end() > held * kKvBlockTokens) continue;
    rows.blocks = s.blocks;
    add(rows, {&part.guesses.back(), 1}, static_cast<int64_t>(i));
    batch_.logits_rows.push_back(batch_.rows() - 1);
    guessing_.push_back(&part);
  }
}

void MtpDrafter::add(const SequenceRows& rows, std::span<const int32_t> tokens,
                     int64_t first_state) {
  for (int64_t i = 0; i < rows.rows; ++i) states_.push_back(first_state + i);
  batch_.sequences.push_back(rows);
  batch_.sequences.back().first_row = batch_.rows();
  batch_.tokens.insert(batch_.tokens.end(), tokens.begin(), tokens.end());
}

Status MtpDrafter::compute() {
  backend_.begin_step();
  TRY_ASSIGN(const Outputs out,
             backend_.end_forward(model_.forward_mtp(backend_, batch_, states_, cache_)));
  for (size_t i = 0; i < guessing_.size(); ++i) {
    const float* row = out.logits.f32_row(static_cast<int64_t>(i));
    guessing_[i]->add_guess({row, static_cast<size_t>(out.logits.columns())});
  }
  return Status::ok();
}

}  // namespace hearth
