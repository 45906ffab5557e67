// A fixed set of worker threads that run one parallel loop at a time: fork, work, join.
//
// Work is cut into `parts` by the caller, never by the pool, and each part writes its own rows;
// the result therefore does not depend on the number of threads. Each thread begins with a run of
// neighbouring parts, so that it reads one stream of memory, and helps the others when its own run
// is done. Workers spin for a moment between loops and then sleep: a step of a model is hundreds of
// loops in a row. The calling thread works too.
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

  // Calls body(part) once for each part in [0, parts), in any order, and returns when all are done.
  void parallel_for(int64_t parts, FunctionRef<void(int64_t part)> body);

 private:
  // Parts [next, end) that nobody has taken; a cache line each, so that threads don't share one.
  struct alignas(64) Run {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void worker_loop(int thread);
  void work(int thread, FunctionRef<void(int64_t)> body);
  uint64_t wait_for_loop(uint64_t seen);

  std::vector<std::thread> workers_;
  std::unique_ptr<Run[]> runs_;  // one a thread
  std::mutex mutex_;             // guards sleeping only
  std::condition_variable wake_;
  int sleeping_ = 0;
  const FunctionRef<void(int64_t)>* body_ = nullptr;
  std::atomic<uint64_t> loop_{0};  // counts loops; a change starts the workers
  std::atomic<int> working_{0};    // workers that have not finished the current loop
  std::atomic<bool> stop_{false};
  std::atomic<bool> running_{false};
};

}  // namespace hearth
