// A fixed set of worker threads that run one parallel loop at a time: fork, work, join.
//
// Work is cut into `parts` by the caller, never by the pool, and each part writes its own rows;
// the result therefore does not depend on the number of threads. Each thread begins with a run of
// neighbouring parts, so that it reads one stream of memory, and helps the others when its own run
// is done. Workers spin for a moment between loops and then sleep: a step of a model is hundreds of
// loops in a row. The calling thread works too, and waits for nothing but parts that a worker is
// in: one that sleeps or has lost its core costs a loop nothing.
// Threads: parallel_for may be called by one thread at a time; nested calls run inline.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hearth/base/function_ref.h"

namespace hearth {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // threads >= 1, the caller included
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Below so many multiply-adds, some microseconds, threads take longer to meet than one to finish.
  static constexpr int64_t kWorkWorthSharing = 1 << 19;

  // Calls body(part) once for each part in [0, parts), in any order, and returns when all are done.
  // `work`: multiply-adds of all parts together, or about; a loop of little work runs inline.
  void parallel_for(int64_t parts, FunctionRef<void(int64_t part)> body,
                    int64_t work = kWorkWorthSharing);

 private:
  // Parts [next, end) that nobody has taken; a cache line each, so that threads don't share one.
  // Both carry the loop's number in their upper half: a worker that comes late takes nothing of a
  // loop that it doesn't know.
  struct alignas(64) Run {
    std::atomic<uint64_t> next{0};
    std::atomic<uint64_t> end{0};
    int64_t claim(uint32_t loop);  // a part that is the caller's now; -1: none is left
  };

  void worker_loop(int thread);
  void publish(int64_t parts, const FunctionRef<void(int64_t)>& body);
  void work_on(int thread, uint32_t loop);
  uint32_t wait_for_loop(uint32_t seen);

  std::vector<std::thread> workers_;
  std::unique_ptr<Run[]> runs_;  // one a thread
  std::mutex mutex_;             // guards sleeping only
  std::condition_variable wake_;
  std::atomic<int> sleeping_{0};
  const FunctionRef<void(int64_t)>* body_ = nullptr;  // valid while parts are left
  std::atomic<uint32_t> loop_{0};                     // its number; a change starts the workers
  std::atomic<int64_t> left_{0};                      // parts of the loop that aren't done
  std::atomic<bool> stop_{false};
  std::atomic<bool> running_{false};
};

}  // namespace hearth
