// A fixed set of worker threads that run one parallel loop at a time: fork, work, join.
//
// Work is cut into `parts` by the caller, never by the pool, and each part writes its own rows;
// the result therefore does not depend on the number of threads. The calling thread works too.
// Threads: parallel_for may be called by one thread at a time; nested calls run inline.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
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
  void worker_loop();
  void run_parts(FunctionRef<void(int64_t)> body, int64_t parts);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const FunctionRef<void(int64_t)>* body_ = nullptr;
  int64_t parts_ = 0;
  uint64_t generation_ = 0;
  int active_ = 0;
  bool stop_ = false;
  bool running_ = false;
  std::atomic<int64_t> next_{0};
};

}  // namespace hearth
