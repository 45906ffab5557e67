// See thread_pool.h. A loop is published by raising `loop_`; every worker takes part in every loop
// and signs off in `working_`, so that no worker can see a half-written loop.
#include "hearth/base/thread_pool.h"

#include "hearth/base/check.h"

namespace hearth {
namespace {

// About 50 us: longer than the pause between two verbs, shorter than a time slice.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : runs_(new Run[static_cast<size_t>(threads)]) {
  CHECK_GE(threads, 1);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// The thread's own run first, then what is left of the others'.
void ThreadPool::work(int thread, FunctionRef<void(int64_t)> body) {
  for (int i = 0; i < threads(); ++i) {
    Run& run = runs_[static_cast<size_t>((thread + i) % threads())];
    for (int64_t part; (part = run.next.fetch_add(1, std::memory_order_relaxed)) < run.end;) {
      body(part);
    }
  }
}

void ThreadPool::parallel_for(int64_t parts, FunctionRef<void(int64_t)> body) {
  if (parts <= 0) return;
  if (workers_.empty() || parts == 1 || running_.exchange(true)) {
    for (int64_t part = 0; part < parts; ++part) body(part);
    return;
  }
  const int64_t all = threads();
  for (int64_t i = 0; i < all; ++i) {
    Run& run = runs_[static_cast<size_t>(i)];
    run.next.store(parts * i / all, std::memory_order_relaxed);
    run.end = parts * (i + 1) / all;
  }
  body_ = &body;
  working_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  loop_.fetch_add(1, std::memory_order_seq_cst);
  bool asleep;
  {
    std::lock_guard lock(mutex_);
    asleep = sleeping_ > 0;
  }
  if (asleep) wake_.notify_all();
  work(0, body);
  for (int spins = 0; working_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  body_ = nullptr;
  running_.store(false);
}

uint64_t ThreadPool::wait_for_loop(uint64_t seen) {
  for (int spins = 0; spins < kSpins; ++spins) {
    const uint64_t loop = loop_.load(std::memory_order_acquire);
    if (loop != seen || stop_.load(std::memory_order_relaxed)) return loop;
    pause();
  }
  std::unique_lock lock(mutex_);
  ++sleeping_;
  wake_.wait(lock, [&] { return stop_ || loop_.load(std::memory_order_acquire) != seen; });
  --sleeping_;
  return loop_.load(std::memory_order_acquire);
}

void ThreadPool::worker_loop(int thread) {
  uint64_t seen = 0;
  for (;;) {
    const uint64_t loop = wait_for_loop(seen);
    if (loop == seen) return;  // stopped
    seen = loop;
    work(thread, *body_);
    working_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace hearth
