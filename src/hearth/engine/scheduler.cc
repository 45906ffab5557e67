// See scheduler.h.
#include "hearth/engine/scheduler.h"

#include <algorithm>
#include <cmath>

#include "hearth/base/check.h"
#include "hearth/base/checked_math.h"

namespace hearth {
namespace {

bool goes_before(const Sequence* a, const Sequence* b) {
  return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

template <typename Queue>
void insert_by_rank(Queue& queue, Sequence* sequence) {
  queue.insert(std::upper_bound(queue.begin(), queue.end(), sequence, goes_before), sequence);
}

int64_t share_of(int64_t whole, double share) {
  return std::max<int64_t>(1, std::llround(std::ceil(static_cast<double>(whole) * share)));
}

// One row to do, and that one new.
bool decodes(const Sequence& s) {
  return !s.in_prompt() && s.pending() == 1;
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits, int64_t blocks, const PrefixHasher& hasher)
    : limits_(limits), pool_(blocks), hasher_(hasher) {
  // So every running sequence can have a row in every step.
  limits_.sequences_max = std::min(limits_.sequences_max, limits_.batch_tokens_max);
}

void Scheduler::set_share(double share) {
  CHECK(share > 0 && share <= 1);
  share_ = share;
}

void Scheduler::set_chunk_rows(int64_t rows) {
  CHECK_GE(rows, 1);
  chunk_rows_ = rows;
}

int64_t Scheduler::decoding_rows() const {
  int64_t rows = 0;
  for (const Sequence* s : running_) {
    if (decodes(*s)) rows += 1 + static_cast<int64_t>(s->drafts.size());
  }
  return rows;
}

int64_t Scheduler::seats() const {
  return share_of(limits_.sequences_max, share_);
}

// Never fewer than a row for each sequence that runs.
int64_t Scheduler::rows_max() const {
  return std::max(share_of(limits_.batch_tokens_max, share_),
                  static_cast<int64_t>(running_.size()));
}

int64_t Scheduler::blocks_for(int64_t length) {
  return ceil_div(length, kKvBlockTokens);
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats out = counters_;
  out.running = static_cast<int64_t>(running_.size());
  out.waiting = static_cast<int64_t>(waiting_.size());
  out.blocks_total = pool_.total();
  out.blocks_held = pool_.held();
  out.blocks_cached = pool_.cached();
  out.blocks_free = pool_.free();
  return out;
}

void Scheduler::add(Sequence* sequence) {
  CHECK(!full());
  Sequence*& leader = sequence->leader;
  // Who takes nothing from the cache has nothing to wait for.
  if (!limits_.prefix_cache || sequence->every_row) leader = nullptr;
  if (leader && !leader->in_prompt()) leader = nullptr;
  if (leader) leader->followed = true;
  insert_by_rank(waiting_, sequence);
}

void Scheduler::remove(Sequence* sequence) {
  std::erase(waiting_, sequence);
  std::erase(running_, sequence);
  release_blocks(*sequence);
  free_followers(*sequence);
}

void Scheduler::free_followers(Sequence& leader) {
  if (!leader.followed) return;
  for (Sequence* s : waiting_) {
    if (s->leader == &leader) s->leader = nullptr;
  }
  leader.followed = false;
}

// The last block first: a parent is never unused for longer than its children.
void Scheduler::release_blocks(Sequence& sequence) {
  for (size_t i = sequence.blocks.size(); i-- > 0;) pool_.release(sequence.blocks[i]);
  sequence.blocks.clear();
  sequence.drafts.clear();
  sequence.computed = 0;
  sequence.published = 0;
  sequence.prefix = {};
}

void Scheduler::preempt(Sequence& sequence) {
  std::erase(running_, &sequence);
  release_blocks(sequence);
  insert_by_rank(waiting_, &sequence);
  ++counters_.preemptions;
}

// Gives every running sequence the block that its next token needs, in the order of rank. The first
// finds one at the latest when all others have given theirs back: its whole length fits the pool.
void Scheduler::grow() {
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    if (blocks_for(s.length()) <= static_cast<int64_t>(s.blocks.size())) continue;
    while (pool_.available() == 0) {
      preempt(*running_.back());
      if (i == running_.size()) return;
    }
    s.blocks.push_back(pool_.take());
  }
}

int64_t Scheduler::blocks_on_entry(const Sequence& sequence) const {
  const int64_t all = blocks_for(sequence.length_max);
  if (limits_.reserve == Reserve::full) return all;
  return std::min(all, blocks_for(sequence.length()) + 1);
}

BlockContent Scheduler::content(const Sequence& sequence, int64_t block) const {
  const int64_t start = block * kKvBlockTokens;
  const std::span<const int32_t> tokens(sequence.tokens);
  return {tokens.subspan(static_cast<size_t>(start), kKvBlockTokens),
          std::clamp<int64_t>(sequence.prompt_length - start, 0, kKvBlockTokens), sequence.scope};
}

// The longest published beginning. The last token is always computed: its logits are wanted; with
// every_row so is every token whose outputs nobody has yet.
void Scheduler::find_prefix(const Sequence& sequence) {
  found_.clear();
  found_prefix_ = {};
  if (!limits_.prefix_cache) return;
  int64_t tokens = sequence.length() - 1;
  if (sequence.every_row) tokens = std::min(tokens, sequence.outputs_from);
  int32_t parent = kNoBlock;
  for (int64_t i = 0; i < tokens / kKvBlockTokens; ++i) {
    const BlockContent wanted = content(sequence, i);
    const Hash128 key = hasher_.hash(found_prefix_, wanted);
    parent = pool_.find(key, parent, wanted);
    if (parent == kNoBlock) return;
    found_.push_back(parent);
    found_prefix_ = key;
  }
}

// Whether `next` may run now, with the blocks in found_ for its beginning. Sequences of lower
// priority make way for it.
bool Scheduler::make_room(const Sequence& next) {
  while (true) {
    find_prefix(next);
    int64_t needed = blocks_on_entry(next) - static_cast<int64_t>(found_.size());
    for (int32_t block : found_) needed += pool_.is_held(block) ? 0 : 1;
    const bool seat = static_cast<int64_t>(running_.size()) < seats();
    if (seat && needed <= pool_.available()) return true;
    if (limits_.reserve == Reserve::full || running_.empty()) return false;
    if (running_.back()->priority >= next.priority) return false;
    preempt(*running_.back());
  }
}

void Scheduler::enter(Sequence& sequence) {
  sequence.tokens.reserve(static_cast<size_t>(sequence.length_max));
  sequence.blocks.reserve(static_cast<size_t>(blocks_for(sequence.length_max)));
  for (int32_t block : found_) pool_.hold(block);
  sequence.blocks.assign(found_.begin(), found_.end());
  sequence.published = static_cast<int64_t>(found_.size());
  sequence.prefix = found_prefix_;
  sequence.computed = sequence.published * kKvBlockTokens;
  const auto blocks = static_cast<size_t>(blocks_on_entry(sequence));
  while (sequence.blocks.size() < blocks) sequence.blocks.push_back(pool_.take());
  if (sequence.cached_tokens < 0) {
    sequence.cached_tokens = std::min(sequence.computed, sequence.prompt_length);
    counters_.prompt_tokens += sequence.prompt_length;
    counters_.cached_tokens += sequence.cached_tokens;
  }
  if (!sequence.in_prompt()) free_followers(sequence);
  insert_by_rank(running_, &sequence);
}

// In the order of rank: a long request at the head is not overtaken, so it cannot starve. Only who
// waits for the prompt of another is passed over.
void Scheduler::admit() {
  for (size_t i = 0; i < waiting_.size();) {
    Sequence& next = *waiting_[i];
    if (next.leader) {
      ++i;
      continue;
    }
    if (!make_room(next)) return;
    waiting_.erase(waiting_.begin() + static_cast<int64_t>(i));
    enter(next);
  }
}

void Scheduler::clear_plan() {
  Batch& batch = plan_.batch;
  for (SequenceRows& rows : batch.sequences) spare_.push_back(std::move(rows));
  batch.tokens.clear();
  batch.sequences.clear();
  batch.logits_rows.clear();
  batch.hidden_rows.clear();
  plan_.owners.clear();
  plan_.outputs.clear();
}

void Scheduler::add_rows(Sequence& sequence, int64_t rows) {
  Batch& batch = plan_.batch;
  const auto drafts = static_cast<int64_t>(sequence.drafts.size());
  SequenceRows part;
  if (!spare_.empty()) {
    part = std::move(spare_.back());
    spare_.pop_back();
  }
  part.first_row = batch.rows();
  part.rows = rows + drafts;
  part.start = sequence.computed;
  part.role = sequence.in_prompt() ? Role::prompt : Role::generated;
  part.adapter = sequence.scope.adapter;
  part.blocks.reserve(sequence.blocks.capacity());
  part.blocks.assign(sequence.blocks.begin(), sequence.blocks.begin() + blocks_for(part.end()));
  const auto first = sequence.tokens.begin() + sequence.computed;
  batch.tokens.insert(batch.tokens.end(), first, first + rows);
  batch.tokens.insert(batch.tokens.end(), sequence.drafts.begin(), sequence.drafts.end());
  std::vector<int64_t>& outputs = sequence.hidden ? batch.hidden_rows : batch.logits_rows;
  const auto wanted_before = outputs.size();
  for (int64_t i = 0; i < part.rows; ++i) {
    const int64_t position = part.start + i;
    const bool wanted = (sequence.every_row && position >= sequence.outputs_from) ||
                        position >= sequence.length() - 1;
    if (wanted) outputs.push_back(part.first_row + i);
  }
  plan_.outputs.push_back(static_cast<int64_t>(outputs.size() - wanted_before));
  batch.sequences.push_back(std::move(part));
  plan_.owners.push_back(&sequence);
}

// The row of its last token, and its drafts: in blocks that are free, and no more than the answer
// can still take.
void Scheduler::add_decoding(Sequence& sequence) {
  const auto held = [&] { return static_cast<int64_t>(sequence.blocks.size()); };
  const int64_t others = static_cast<int64_t>(running_.size() - plan_.owners.size()) - 1;
  int64_t drafts = std::min({static_cast<int64_t>(sequence.drafts.size()),
                             sequence.length_max - sequence.length() - 1,
                             rows_max() - plan_.batch.rows() - others - 1});
  drafts = std::max<int64_t>(drafts, 0);
  while (blocks_for(sequence.length() + drafts) > held() && pool_.available() > 0) {
    sequence.blocks.push_back(pool_.take());
  }
  drafts = std::min(drafts, held() * kKvBlockTokens - sequence.length());
  sequence.drafts.resize(static_cast<size_t>(drafts));
  add_rows(sequence, 1);
}

// Shares what is left of the step among the sequences that have several rows to do.
void Scheduler::add_chunks() {
  chunked_.clear();
  for (Sequence* s : running_) {
    if (!decodes(*s)) chunked_.push_back(s);
  }
  if (chunked_.empty()) return;
  Sequence* const first = chunked_.front();
  std::sort(chunked_.begin(), chunked_.end(), [](const Sequence* a, const Sequence* b) {
    if (a->priority != b->priority || a->pending() == b->pending()) return goes_before(a, b);
    return a->pending() < b->pending();
  });
  int64_t room = rows_max() - plan_.batch.rows();
  if (plan_.batch.rows() > 0) room = std::min(room, chunk_rows_);
  int64_t of_first = std::min(first->pending(), ceil_div(room, 2));
  room -= of_first;
  for (Sequence* s : chunked_) {
    const int64_t rows = std::min(room, s->pending() - (s == first ? of_first : 0));
    room -= rows;
    if (s == first) {
      of_first += rows;
    } else if (rows > 0) {
      add_rows(*s, rows);
    }
  }
  add_rows(*first, of_first);
}

const Scheduler::Plan& Scheduler::plan() {
  clear_plan();
  grow();
  admit();
  for (Sequence* s : running_) {
    if (decodes(*s)) add_decoding(*s);
  }
  const int64_t decoding = plan_.batch.rows();
  add_chunks();
  plan_.chunk_rows = plan_.batch.rows() - decoding;
  return plan_;
}

// Makes the full blocks known. One that is known already under another number is held instead: its
// bits are the same.
void Scheduler::publish(Sequence& sequence) {
  while (sequence.publishes && (sequence.published + 1) * kKvBlockTokens <= sequence.computed) {
    const auto i = static_cast<size_t>(sequence.published);
    const BlockContent full = content(sequence, sequence.published);
    const Hash128 key = hasher_.hash(sequence.prefix, full);
    const int32_t own = sequence.blocks[i];
    const int32_t known = pool_.publish(own, key, i == 0 ? kNoBlock : sequence.blocks[i - 1], full);
    sequence.publishes = known != kNoBlock;
    if (!sequence.publishes) return;
    if (known != own) {
      pool_.hold(known);
      pool_.release(own);
      sequence.blocks[i] = known;
    }
    sequence.prefix = key;
    ++sequence.published;
  }
}

void Scheduler::commit(const Plan& plan) {
  for (size_t i = 0; i < plan.owners.size(); ++i) {
    Sequence& s = *plan.owners[i];
    s.computed += plan.batch.sequences[i].rows - static_cast<int64_t>(s.drafts.size());
    s.outputs_from = std::max(s.outputs_from, s.computed);
    if (limits_.prefix_cache) publish(s);
    if (!s.in_prompt()) free_followers(s);
  }
}

void Scheduler::accept_drafts(Sequence& sequence, int64_t accepted) {
  sequence.drafts.clear();
  sequence.computed += accepted;
  if (limits_.prefix_cache) publish(sequence);
}

}  // namespace hearth
