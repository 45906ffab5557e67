// Fork-join over an atomic counter. A worker that wakes late finds the counter spent and goes back
// to sleep; the caller leaves only when every worker that entered the loop has left it.
#include "hearth/base/thread_pool.h"

#include "hearth/base/check.h"

namespace hearth {

ThreadPool::ThreadPool(int threads) {
  CHECK_GE(threads, 1);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { worker_loop(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_parts(FunctionRef<void(int64_t)> body, int64_t parts) {
  for (int64_t part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < parts;) body(part);
}

void ThreadPool::parallel_for(int64_t parts, FunctionRef<void(int64_t)> body) {
  if (parts <= 0) return;
  std::unique_lock lock(mutex_);
  if (workers_.empty() || parts == 1 || running_) {
    lock.unlock();
    for (int64_t part = 0; part < parts; ++part) body(part);
    return;
  }
  running_ = true;
  body_ = &body;
  parts_ = parts;
  next_.store(0, std::memory_order_relaxed);
  ++generation_;
  lock.unlock();
  wake_.notify_all();
  run_parts(body, parts);
  lock.lock();
  done_.wait(lock, [this] { return active_ == 0; });
  body_ = nullptr;
  running_ = false;
}

void ThreadPool::worker_loop() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || (generation_ != seen && body_ != nullptr); });
    if (stop_) return;
    seen = generation_;
    const auto* body = body_;
    const int64_t parts = parts_;
    ++active_;
    lock.unlock();
    run_parts(*body, parts);
    lock.lock();
    if (--active_ == 0) done_.notify_one();
  }
}

}  // namespace hearth
