// Every part runs exactly once, whatever the number of threads; nested loops run inline.
#include "hearth/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
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

TEST(ThreadPool, NestedLoopRunsInline) {
  ThreadPool pool(3);
  std::atomic<int> sum = 0;
  pool.parallel_for(4, [&](int64_t) { pool.parallel_for(5, [&](int64_t) { ++sum; }); });
  EXPECT_EQ(sum, 20);
}

}  // namespace
}  // namespace hearth
