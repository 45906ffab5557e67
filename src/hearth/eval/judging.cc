// See judging.h. Places never move in the deque while a thread holds one: it only grows at the back
// and shrinks at the front, behind which no unjudged place lies.
#include "hearth/eval/judging.h"

#include <algorithm>
#include <utility>

namespace hearth {

int judging_threads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()) / 4, 1, 8);
}

Judging::Judging(Judge judge, Deliver deliver, int threads, size_t unjudged_max)
    : judge_(std::move(judge)), deliver_(std::move(deliver)), unjudged_max_(unjudged_max) {
  CHECK(threads > 0 && unjudged_max > 0);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Judging::~Judging() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_waits_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Judging::put(EvalRecord record) {
  std::unique_lock lock(mutex_);
  progress_.wait(lock, [&] { return places_.size() < unjudged_max_ || !failure_.is_ok(); });
  if (!failure_.is_ok()) return false;
  places_.push_back({std::move(record)});
  work_waits_.notify_one();
  return true;
}

Status Judging::finish() {
  std::unique_lock lock(mutex_);
  progress_.wait(lock, [&] { return (places_.empty() && !delivering_) || !failure_.is_ok(); });
  return failure_;
}

void Judging::fail(Status status) {
  if (failure_.is_ok()) failure_ = std::move(status);
  progress_.notify_all();
}

void Judging::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_waits_.wait(lock, [&] { return closing_ || begun_ < places_.size(); });
    if (closing_ || !failure_.is_ok()) return;
    Place& place = places_[begun_++];
    lock.unlock();
    auto judged = judge_(place.record);
    lock.lock();
    if (!judged) return fail(std::move(judged).status());
    place.record.judgement = *std::move(judged);
    place.judged = true;
    deliver_judged(lock);
  }
}

// One thread hands on, without the lock, all that is judged at the front; the others leave that to
// it.
void Judging::deliver_judged(std::unique_lock<std::mutex>& lock) {
  if (delivering_) return;
  delivering_ = true;
  while (failure_.is_ok() && !places_.empty() && places_.front().judged) {
    EvalRecord record = std::move(places_.front().record);
    places_.pop_front();
    --begun_;
    progress_.notify_all();
    lock.unlock();
    Status delivered = deliver_(std::move(record));
    lock.lock();
    if (!delivered.is_ok()) fail(std::move(delivered));
  }
  delivering_ = false;
  progress_.notify_all();
}

}  // namespace hearth
