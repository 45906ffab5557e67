// See expert_store.h.
#include "hearth/backend/cpu/experts/expert_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "hearth/base/huge_memory.h"

namespace hearth::cpu {
namespace {

Result<std::shared_ptr<uint8_t>> slot_memory(int64_t bytes) {
  if (bytes % HugeMemory::kPage == 0) {
    TRY_ASSIGN(HugeMemory memory, HugeMemory::allocate(bytes));
    auto owner = std::make_shared<HugeMemory>(std::move(memory));
    return std::shared_ptr<uint8_t>(owner, reinterpret_cast<uint8_t*>(owner->data()));
  }
  auto owner = host_memory(bytes);
  return std::shared_ptr<uint8_t>(owner, reinterpret_cast<uint8_t*>(owner.get()));
}

std::array<const Linear*, 3> linears(const Expert& expert) {
  return {&expert.gate_proj, &expert.up_proj, &expert.down_proj};
}

}  // namespace

ExpertStore::ExpertStore(const ExpertCacheOptions& options)
    : options_(options), ledger_(options.bytes) {
  for (int i = 0; i < std::max(1, options.readers); ++i) {
    readers_.emplace_back([this] { reader_loop(); });
  }
}

ExpertStore::~ExpertStore() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  for (std::thread& reader : readers_) reader.join();
}

Result<Weight> ExpertStore::add(const FileWeight& weight, bool packable) {
  auto matrix = std::make_shared<FileMatrix>();
  matrix->stored = weight.tensor;
  matrix->stored.data = nullptr;
  matrix->stored.scales = nullptr;
  if (packable) {
    static_cast<PackedMatrix&>(*matrix) = packed_layout(weight.tensor);
    matrix->held_bytes = round_up(matrix->groups() * matrix->group_bytes, 64);
  } else {
    matrix->kind = PackedMatrix::Kind::stored;
    matrix->held_bytes = round_up(weight.tensor.bytes(), 64);
  }
  const auto open = [&](const FileRange& range) -> Result<std::shared_ptr<const DirectFile>> {
    std::shared_ptr<const DirectFile>& file = files_[range.path];
    if (!file) {
      TRY_ASSIGN(file, DirectFile::open(range.path, options_.past_cache));
    }
    return file;
  };
  TRY_ASSIGN(matrix->file, open(weight.data));
  matrix->offset = weight.data.offset;
  if (!weight.scales.empty()) {
    TRY_ASSIGN(matrix->scales_file, open(weight.scales));
    matrix->scales_offset = weight.scales.offset;
    matrix->scales_bytes = weight.scales.bytes;
    matrix->scale_columns = weight.tensor.scale_columns;
  }
  Weight out;
  out.tensor = weight.tensor;
  out.tensor.data = nullptr;
  out.form = std::move(matrix);
  return out;
}

int64_t ExpertStore::layer_of(std::span<const Expert> experts) {
  auto found = layers_.find(experts.data());
  if (found == layers_.end()) {
    found = layers_.emplace(experts.data(), std::ssize(layer_experts_)).first;
    add_layer(experts);
  }
  if (last_layer_ >= 0) after_[static_cast<size_t>(last_layer_)] = found->second;
  return last_layer_ = found->second;
}

void ExpertStore::add_layer(std::span<const Expert> experts) {
  std::vector<int64_t> bytes;
  const std::lock_guard lock(mutex_);
  const auto first = std::ssize(items_);
  for (const Expert& expert : experts) {
    Item item;
    int64_t held = 0;
    item.expert = expert;
    const std::array<Linear*, 3> own = {&item.expert.gate_proj, &item.expert.up_proj,
                                        &item.expert.down_proj};
    for (size_t p = 0; p < 3; ++p) {
      item.parts[p] = file_matrix(linears(expert)[p]->weight);
      CHECK(item.parts[p] != nullptr);
      held += item.parts[p]->held_bytes;
      item.forms[p] = std::make_shared<PackedMatrix>(*item.parts[p]);
      const bool decoded = item.parts[p]->kind == PackedMatrix::Kind::stored;
      own[p]->weight.form = decoded ? nullptr : item.forms[p];
    }
    item.slot_bytes = cached_expert_bytes(held);
    bytes.push_back(item.slot_bytes);
    stats_.expert_bytes += item.slot_bytes;
    items_.push_back(std::move(item));
  }
  stats_.experts = std::ssize(items_);
  CHECK_EQ(ledger_.add_layer(bytes), first);
  layer_experts_.push_back({first, std::ssize(experts)});
  after_.push_back(-1);
}

void ExpertStore::begin(int64_t layer, std::span<const int64_t> tokens, int64_t rows) {
  const std::lock_guard lock(mutex_);
  give_back();
  layer_first_ = layer_experts_[static_cast<size_t>(layer)].first;
  ledger_.use(layer_first_, tokens, rows);
  for (size_t e = 0; e < tokens.size(); ++e) {
    if (tokens[e] == 0) continue;
    const int64_t i = layer_first_ + static_cast<int64_t>(e);
    Item& item = at(i);
    if (item.ahead) ++stats_.ahead_used;
    item.ahead = false;
    ++(item.state == State::ready ? stats_.hits : stats_.misses);
    if (item.state == State::absent || item.cancelled) {
      waiting_.push_back(i);
      continue;
    }
    if (item.state == State::loading) prefer(i);
    ledger_.pin(i);
    pending_.push_back(i);
  }
  forget_ahead();
  let_in();
}

std::span<const int64_t> ExpertStore::next() {
  std::unique_lock lock(mutex_);
  give_back();
  while (true) {
    let_in();
    hand_out();
    if (!given_.empty() || (pending_.empty() && waiting_.empty())) break;
    if (!failure_.is_ok()) break;
    if (loading_ == 0) {  // all that is held is unpinned by now
      fail(error(Code::no_memory,
                 "expert cache: expected at least {} bytes for one expert, found {}",
                 at(waiting_.front()).slot_bytes, options_.bytes));
      break;
    }
    const auto begin = std::chrono::steady_clock::now();
    came_.wait(lock);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    stats_.wait_seconds += took.count();
  }
  if (given_.empty()) {
    for (const int64_t i : pending_) ledger_.unpin(i);
    pending_.clear();
    waiting_.clear();
  }
  return given_numbers_;
}

// Wanted experts, as far as there is room.
void ExpertStore::let_in() {
  if (!failure_.is_ok()) return;
  size_t kept = 0;
  bool room = true;
  for (const int64_t i : waiting_) {
    const bool being_forgotten = at(i).state != State::absent;
    const bool in = room && !being_forgotten && request(i, wanted_jobs_);
    room = room && (in || being_forgotten);
    if (in) {
      ledger_.pin(i);
      pending_.push_back(i);
    } else {
      waiting_[kept++] = i;
    }
  }
  waiting_.resize(kept);
}

void ExpertStore::hand_out() {
  if (!failure_.is_ok()) return;
  std::erase_if(pending_, [this](int64_t i) {
    if (at(i).state != State::ready) return false;
    given_.push_back(i);
    given_numbers_.push_back(i - layer_first_);
    return true;
  });
}

void ExpertStore::give_back() {
  for (const int64_t i : given_) ledger_.unpin(i);
  given_.clear();
  given_numbers_.clear();
}

// Holds an expert that is absent and queues its reading; false: no room.
bool ExpertStore::request(int64_t i, std::deque<Job>& queue) {
  Item& item = at(i);
  gone_.clear();
  if (!ledger_.admit(i, gone_)) return false;
  if (!take_slot(i, gone_)) {
    ledger_.unpin(i);
    ledger_.let_go(i);
    return false;
  }
  item.state = State::loading;
  item.cancelled = false;
  item.jobs = 3;
  ++loading_;
  for (int part = 0; part < 3; ++part) queue.push_back({i, part});
  work_.notify_all();
  return true;
}

// The memory of one that went, where it is as large; else its own.
bool ExpertStore::take_slot(int64_t i, const std::vector<int64_t>& went) {
  Item& item = at(i);
  for (const int64_t old : went) {
    if (!item.slot && at(old).slot_bytes == item.slot_bytes) item.slot = std::move(at(old).slot);
    let_go(old);
  }
  if (!item.slot) {
    auto memory = slot_memory(item.slot_bytes);
    if (!memory) {
      fail(std::move(memory).status());
      return false;
    }
    item.slot = *std::move(memory);
  }
  const std::array<Linear*, 3> own = {&item.expert.gate_proj, &item.expert.up_proj,
                                      &item.expert.down_proj};
  int64_t offset = 0;
  for (size_t p = 0; p < 3; ++p) {
    uint8_t* data = item.slot.get() + offset;
    item.forms[p]->data = std::shared_ptr<uint8_t>(std::shared_ptr<uint8_t>(), data);
    if (!own[p]->weight.form) own[p]->weight.tensor.data = reinterpret_cast<std::byte*>(data);
    offset += item.parts[p]->held_bytes;
  }
  return true;
}

// An expert that is no longer in the ledger.
void ExpertStore::let_go(int64_t i) {
  Item& item = at(i);
  item.state = State::absent;
  item.ahead = false;
  item.cancelled = false;
  item.slot.reset();
}

// What was to be read ahead is wanted now.
void ExpertStore::prefer(int64_t i) {
  const auto moved = std::stable_partition(ahead_jobs_.begin(), ahead_jobs_.end(),
                                           [i](const Job& job) { return job.item != i; });
  wanted_jobs_.insert(wanted_jobs_.end(), moved, ahead_jobs_.end());
  ahead_jobs_.erase(moved, ahead_jobs_.end());
}

// Reading ahead that has not begun. Of one that has, what is under way ends by itself.
void ExpertStore::forget_ahead() {
  for (const Job& job : ahead_jobs_) {
    Item& item = at(job.item);
    item.cancelled = true;
    item.ahead = false;
    if (--item.jobs == 0) finish(job.item);
  }
  ahead_jobs_.clear();
}

bool ExpertStore::holds_all(int64_t layer) const {
  const std::lock_guard lock(mutex_);
  const auto [first, count] = layer_experts_[static_cast<size_t>(layer)];
  for (int64_t i = first; i < first + count; ++i) {
    if (at(i).state == State::absent) return false;
  }
  return true;
}

void ExpertStore::read_ahead(int64_t layer, std::span<const int64_t> tokens) {
  const std::lock_guard lock(mutex_);
  if (!failure_.is_ok()) return;
  const int64_t first = layer_experts_[static_cast<size_t>(layer)].first;
  std::vector<int64_t> there;  // must not go to make room for the others
  for (size_t e = 0; e < tokens.size(); ++e) {
    const int64_t i = first + static_cast<int64_t>(e);
    if (tokens[e] == 0 || at(i).state == State::absent) continue;
    ledger_.pin(i);
    there.push_back(i);
  }
  for (size_t e = 0; e < tokens.size(); ++e) {
    const int64_t i = first + static_cast<int64_t>(e);
    if (tokens[e] == 0 || at(i).state != State::absent) continue;
    if (!waiting_.empty() || !request(i, ahead_jobs_)) break;
    at(i).ahead = true;
    ++stats_.ahead_reads;
  }
  for (const int64_t i : there) ledger_.unpin(i);
}

// All of an expert's matrices are read, or will not be.
void ExpertStore::finish(int64_t i) {
  Item& item = at(i);
  --loading_;
  ledger_.unpin(i);  // the reading's own
  if (item.cancelled) {
    if (std::erase(pending_, i) > 0) ledger_.unpin(i);
    ledger_.let_go(i);
    let_go(i);
  } else {
    item.state = State::ready;
  }
  came_.notify_all();
}

void ExpertStore::fail(Status why) {
  if (failure_.is_ok()) failure_ = std::move(why);
}

bool ExpertStore::has_failed() const {
  const std::lock_guard lock(mutex_);
  return !failure_.is_ok();
}

Status ExpertStore::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, Status::ok());
}

ExpertCacheStats ExpertStore::stats() const {
  const std::lock_guard lock(mutex_);
  ExpertCacheStats out = stats_;
  out.budget_bytes = options_.bytes;
  out.held_bytes = ledger_.used_bytes();
  return out;
}

bool ExpertStore::take_job(Job& job) {
  std::deque<Job>& queue = wanted_jobs_.empty() ? ahead_jobs_ : wanted_jobs_;
  if (queue.empty()) return false;
  job = queue.front();
  queue.pop_front();
  return true;
}

void ExpertStore::reader_loop() {
  std::vector<std::byte> room;
  std::unique_lock lock(mutex_);
  while (true) {
    Job job{};
    work_.wait(lock, [&] { return stop_ || take_job(job); });
    if (stop_) return;
    Item& item = at(job.item);
    const FileMatrix& matrix = *item.parts[static_cast<size_t>(job.part)];
    uint8_t* const out = item.forms[static_cast<size_t>(job.part)]->data.get();
    lock.unlock();
    const auto needed = static_cast<size_t>(matrix.room_bytes() + DirectFile::kAlignment);
    if (room.size() < needed) room.resize(needed);
    const auto skip = -reinterpret_cast<uintptr_t>(room.data()) & (DirectFile::kAlignment - 1);
    Status status = load_matrix(matrix, room.data() + skip, out);
    lock.lock();
    stats_.bytes_read += matrix.stored_bytes() + matrix.scales_bytes;
    if (!status.is_ok()) {
      item.cancelled = true;
      // What nobody asked for yet is tried again when somebody does.
      if (std::ranges::find(pending_, job.item) != pending_.end()) fail(std::move(status));
    }
    if (--item.jobs == 0) finish(job.item);
  }
}

}  // namespace hearth::cpu
