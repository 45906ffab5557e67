// See scheduler.h.
#include "hearth/engine/scheduler.h"

#include <algorithm>

#include "hearth/base/checked_math.h"

namespace hearth {

int64_t Scheduler::blocks_for(int64_t length) {
  return ceil_div(length, kKvBlockTokens);
}

int64_t Scheduler::blocks_total() const {
  return pool_.available() + blocks_held_;
}

// First come, first served: a long request at the head is not overtaken, so it cannot starve.
void Scheduler::admit() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < limits_.sequences_max) {
    Sequence& next = *waiting_.front();
    const int64_t needed = blocks_for(next.length_max);
    if (needed > pool_.available()) return;
    for (int64_t i = 0; i < needed; ++i) next.blocks.push_back(pool_.take());
    blocks_held_ += needed;
    running_.push_back(&next);
    waiting_.pop_front();
  }
}

void Scheduler::remove(Sequence* sequence) {
  std::erase(waiting_, sequence);
  std::erase(running_, sequence);
  blocks_held_ -= static_cast<int64_t>(sequence->blocks.size());
  pool_.give_back(sequence->blocks);
}

void Scheduler::clear_plan() {
  Batch& batch = plan_.batch;
  for (SequenceRows& rows : batch.sequences) spare_.push_back(std::move(rows));
  batch.tokens.clear();
  batch.sequences.clear();
  batch.logits_rows.clear();
  plan_.owners.clear();
}

void Scheduler::add_rows(Sequence& sequence, int64_t rows) {
  Batch& batch = plan_.batch;
  SequenceRows part;
  if (!spare_.empty()) {
    part = std::move(spare_.back());
    spare_.pop_back();
  }
  part.first_row = batch.rows();
  part.rows = rows;
  part.start = sequence.computed;
  part.role = sequence.in_prompt() ? Role::prompt : Role::generated;
  part.blocks.reserve(sequence.blocks.size());
  part.blocks.assign(sequence.blocks.begin(),
                     sequence.blocks.begin() + blocks_for(sequence.computed + rows));
  const auto first = sequence.tokens.begin() + sequence.computed;
  batch.tokens.insert(batch.tokens.end(), first, first + rows);
  const bool last_known = part.end() == static_cast<int64_t>(sequence.tokens.size());
  for (int64_t i = 0; i < rows; ++i) {
    const bool wanted = sequence.all_logits || (last_known && i == rows - 1);
    if (wanted) batch.logits_rows.push_back(part.first_row + i);
  }
  batch.sequences.push_back(std::move(part));
  plan_.owners.push_back(&sequence);
}

const Scheduler::Plan& Scheduler::plan() {
  admit();
  clear_plan();
  const Batch& batch = plan_.batch;
  for (Sequence* s : running_) {
    if (!s->in_prompt() && batch.rows() < limits_.batch_tokens_max) add_rows(*s, 1);
  }
  for (Sequence* s : running_) {
    const int64_t room = limits_.batch_tokens_max - batch.rows();
    if (s->in_prompt() && room > 0) add_rows(*s, std::min(room, s->prompt_length - s->computed));
  }
  return plan_;
}

void Scheduler::commit(const Plan& plan) {
  for (size_t i = 0; i < plan.owners.size(); ++i) {
    plan.owners[i]->computed += plan.batch.sequences[i].rows;
  }
}

}  // namespace hearth
