// See thread_pool.h. A loop is published by raising `loop_`. A part is claimed by one exchange that
// fails where the loop is another, so a claim says that its loop still runs: `body_` is the loop's,
// and the caller is in parallel_for until the part is done.
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

int64_t ThreadPool::Run::claim(uint32_t loop) {
  uint64_t at = next.load(std::memory_order_acquire);
  do {
    const uint64_t limit = end.load(std::memory_order_acquire);
    if (at >> 32 != loop || limit >> 32 != loop || at >= limit) return -1;
  } while (!next.compare_exchange_weak(at, at + 1, std::memory_order_acq_rel));
  return static_cast<int64_t>(at & UINT32_MAX);
}

// The thread's own run first, then what is left of the others'.
void ThreadPool::work_on(int thread, uint32_t loop) {
  int64_t done = 0;
  for (int i = 0; i < threads(); ++i) {
    Run& run = runs_[static_cast<size_t>((thread + i) % threads())];
    for (int64_t part; (part = run.claim(loop)) >= 0; ++done) (*body_)(part);
  }
  if (done > 0) left_.fetch_sub(done, std::memory_order_acq_rel);
}

void ThreadPool::publish(int64_t parts, const FunctionRef<void(int64_t)>& body) {
  const uint64_t number = loop_.load(std::memory_order_relaxed) + 1;
  const uint64_t loop = (number & UINT32_MAX) << 32;
  body_ = &body;
  left_.store(parts, std::memory_order_relaxed);
  const int64_t all = threads();
  for (int64_t i = 0; i < all; ++i) {
    Run& run = runs_[static_cast<size_t>(i)];
    run.end.store(loop | static_cast<uint64_t>(parts * (i + 1) / all), std::memory_order_release);
    run.next.store(loop | static_cast<uint64_t>(parts * i / all), std::memory_order_release);
  }
  // With the load of `sleeping_` in one order with a worker's: it sees the loop or is seen asleep.
  loop_.store(static_cast<uint32_t>(number), std::memory_order_seq_cst);
  if (sleeping_.load(std::memory_order_seq_cst) == 0) return;
  { const std::lock_guard lock(mutex_); }
  wake_.notify_all();
}

void ThreadPool::parallel_for(int64_t parts, FunctionRef<void(int64_t)> body, int64_t work) {
  if (parts <= 0) return;
  CHECK_LE(parts, INT32_MAX);
  if (workers_.empty() || parts == 1 || work < kWorkWorthSharing || running_.exchange(true)) {
    for (int64_t part = 0; part < parts; ++part) body(part);
    return;
  }
  publish(parts, body);
  work_on(0, loop_.load(std::memory_order_relaxed));
  for (int spins = 0; left_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  running_.store(false);
}

uint32_t ThreadPool::wait_for_loop(uint32_t seen) {
  for (int spins = 0; spins < kSpins; ++spins) {
    const uint32_t loop = loop_.load(std::memory_order_acquire);
    if (loop != seen || stop_.load(std::memory_order_relaxed)) return loop;
    pause();
  }
  std::unique_lock lock(mutex_);
  sleeping_.fetch_add(1, std::memory_order_seq_cst);
  wake_.wait(lock, [&] { return stop_ || loop_.load(std::memory_order_seq_cst) != seen; });
  sleeping_.fetch_sub(1, std::memory_order_relaxed);
  return loop_.load(std::memory_order_acquire);
}

void ThreadPool::worker_loop(int thread) {
  uint32_t seen = 0;
  for (;;) {
    const uint32_t loop = wait_for_loop(seen);
    if (loop == seen) return;  // stopped
    seen = loop;
    work_on(thread, loop);
  }
}

}  // namespace hearth
