// Every part runs exactly once, whatever the number of threads; nested loops run inline.
#include "hearth/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace hearth {
namespace {

TEST(ThreadPool, RunsEachPartOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      const int64_t parts = round % 17;
      std::vector<std::atomic<int>> hits(static_cast<size_t>(parts) + 1);
      pool.parallel_for(parts, [&](int64_t part) { ++hits[static_cast<size_t>(part)]; });
      for (int64_t part = 0; part < parts; ++part) EXPECT_EQ(hits[static_cast<size_t>(part)], 1);
    }
  }
}

// More threads than cores, loops so short that workers come late, pauses in which they fall asleep:
// what a late one finds is another loop, whose parts are as many and lie elsewhere.
TEST(ThreadPool, LateWorkersTakeNothingOfAnotherLoop) {
  ThreadPool pool(8);
  for (int64_t round = 0; round < 20'000; ++round) {
    const int64_t parts = 2 + round % 7;
    std::vector<int64_t> sums(static_cast<size_t>(parts));
    pool.parallel_for(parts,
                      [&](int64_t part) { sums[static_cast<size_t>(part)] += round + part; });
    for (int64_t part = 0; part < parts; ++part) {
      ASSERT_EQ(sums[static_cast<size_t>(part)], round + part) << round;
    }
    if (round % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(ThreadPool, LittleWorkStaysOnTheCallingThread) {
  ThreadPool pool(4);
  const auto caller = std::this_thread::get_id();
  int64_t done = 0;
  const auto body = [&](int64_t) { done += std::this_thread::get_id() == caller ? 1 : 0; };
  for (int round = 0; round < 1000; ++round) {
    pool.parallel_for(8, body, ThreadPool::kWorkWorthSharing - 1);
  }
  EXPECT_EQ(done, 8000);
}

TEST(ThreadPool, NestedLoopRunsInline) {
  ThreadPool pool(3);
  std::atomic<int> sum = 0;
  pool.parallel_for(4, [&](int64_t) { pool.parallel_for(5, [&](int64_t) { ++sum; }); });
  EXPECT_EQ(sum, 20);
}

}  // namespace
}  // namespace hearth
