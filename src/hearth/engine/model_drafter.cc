// See model_drafter.h.
#include "hearth/engine/model_drafter.h"

#include <algorithm>
#include <utility>

namespace hearth {

ModelDrafter::ModelDrafter(const Model& model, Backend& backend, KvCache cache, int64_t vocab_size)
    : model_(model),
      backend_(backend),
      cache_(std::move(cache)),
      vocab_size_(std::min(vocab_size, model.info().vocab_size)) {}

// Takes back what is no longer so since the last run: guesses that proved wrong, and all that was
// in blocks that the sequence has lost. Its last token is always computed: its logits are wanted.
void ModelDrafter::revisit(Followed& followed, const Sequence& sequence) const {
  const auto token = [&](int64_t place) { return sequence.tokens[static_cast<size_t>(place)]; };
  if (followed.known == followed.beyond_from) {
    for (const int32_t guess : followed.beyond) {
      if (followed.known >= sequence.length() || token(followed.known) != guess) break;
      ++followed.known;
    }
  }
  followed.beyond.clear();
  if (sequence.computed < followed.seen_computed) followed.known = 0;  // it was stopped
  followed.seen_computed = sequence.computed;
  const auto same = std::ranges::mismatch(followed.blocks, sequence.blocks).in1;
  const int64_t held = (same - followed.blocks.begin()) * kKvBlockTokens;
  followed.known = std::min({followed.known, held, sequence.length() - 1});
  followed.blocks = sequence.blocks;
  followed.beyond_from = sequence.length();
}

// The next rows of a sequence, behind those in the batch; false: none, it has its guesses, no block
// for another, or enough of catching up for this step. All rows of a sequence have one role.
bool ModelDrafter::add_rows(Job& job) {
  const Sequence& s = *job.part->sequence;
  Followed& f = *job.followed;
  const auto guessed = static_cast<int64_t>(job.part->guesses.size());
  if (guessed == job.part->wanted) return false;
  const int64_t start = f.known + std::ssize(f.beyond);
  const bool in_prompt = start < s.prompt_length;
  int64_t rows = 1;  // a guess that leads to the next one
  if (start < s.length()) {
    const int64_t of_role = (in_prompt ? s.prompt_length : s.length()) - start;
    rows = std::min({job.rows_left, rows_left_, of_role});
  }
  const int64_t end = start + rows;
  if (rows == 0 || end > std::ssize(s.blocks) * kKvBlockTokens) return false;
  if (end > model_.info().max_position_embeddings) return false;
  SequenceRows part{batch_.rows(), rows, start, in_prompt ? Role::prompt : Role::generated,
                    s.blocks};
  batch_.sequences.push_back(std::move(part));
  if (start < s.length()) {
    const auto from = s.tokens.begin() + start;
    batch_.tokens.insert(batch_.tokens.end(), from, from + rows);
    f.known += rows;
    job.rows_left -= rows;
    rows_left_ -= rows;
  } else {
    batch_.tokens.push_back(job.part->guesses.back());
    f.beyond.push_back(job.part->guesses.back());
  }
  if (end < s.length()) return true;
  batch_.logits_rows.push_back(batch_.rows() - 1);
  guessing_.push_back(job.part);
  return true;
}

Status ModelDrafter::compute() {
  backend_.begin_step();
  TRY_ASSIGN(const Outputs out, backend_.end_forward(model_.forward(backend_, batch_, cache_)));
  for (size_t i = 0; i < guessing_.size(); ++i) {
    const float* row = out.logits.f32_row(static_cast<int64_t>(i));
    guessing_[i]->add_guess({row, static_cast<size_t>(vocab_size_)});
  }
  return Status::ok();
}

Status ModelDrafter::run(std::span<Part> parts) {
  jobs_.clear();
  rows_left_ = kFollowRowsOfAll;
  for (Part& part : parts) {
    part.guesses.clear();
    if (part.wanted == 0) continue;
    Followed& followed = followed_[part.sequence->id];
    revisit(followed, *part.sequence);
    jobs_.push_back({&part, &followed, kFollowRows});
  }
  while (true) {
    batch_ = {};
    guessing_.clear();
    for (Job& job : jobs_) add_rows(job);
    if (batch_.rows() == 0) return Status::ok();
    const Status computed = compute();
    if (computed.is_ok()) continue;
    for (const Job& job : jobs_) *job.followed = {};  // nothing is known of what it left
    return computed;
  }
}

}  // namespace hearth
