// What a server says that it will hold, and what of it must still find room.
#include "hearth/serve/memory_budget.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::serve {
namespace {

constexpr int64_t kGigabyte = 1'000'000'000;

MemoryBudget some_budget() {
  MemoryBudget out;
  out.weights = 3 * kGigabyte;
  out.kv_cache = 14 * kGigabyte;
  out.scratch = 2 * kGigabyte;
  return out;
}

TEST(MemoryBudget, ACacheThatIsThereNeedsNoRoomAgain) {
  const MemoryBudget budget = some_budget();
  EXPECT_TRUE(check_room(budget, 16 * kGigabyte, false).is_ok());
  EXPECT_EQ(check_room(budget, 16 * kGigabyte - 1, false).code(), Code::no_memory);
  EXPECT_TRUE(check_room(budget, 2 * kGigabyte, true).is_ok());
  EXPECT_EQ(check_room(budget, 2 * kGigabyte - 1, true).code(), Code::no_memory);
}

// Adapters were loaded meanwhile: the cache that would leave room for scratch is told.
TEST(MemoryBudget, SaysWhatWouldFit) {
  MemoryBudget budget = some_budget();
  EXPECT_EQ(check_room(budget, 10 * kGigabyte, false).message(),
            "a KV cache of 14.0 GB and scratch of 2.0 GB do not fit beside weights of 3.0 GB and "
            "adapters of 0.0 kB: 10.0 GB are available; --kv-memory 8000 would fit, if --ctx is "
            "short enough");
  budget.adapters = kGigabyte;
  budget.experts = kGigabyte;
  EXPECT_EQ(check_room(budget, kGigabyte, true).message(),
            "a KV cache of 14.0 GB and scratch of 2.0 GB do not fit beside weights of 3.0 GB, a "
            "cache of experts of 1.0 GB and adapters of 1.0 GB: 15.0 GB are available; --kv-memory "
            "12000 would fit, if --ctx is short enough");
  EXPECT_NE(check_room(budget, kGigabyte, false).message().find("choose a shorter --ctx"),
            std::string::npos);
}

TEST(MemoryBudget, ItsPartsMakeTheTotal) {
  MemoryBudget budget = some_budget();
  budget.adapters = 1;
  budget.experts = 2;
  budget.process = 3;
  budget.connections = 4;
  const Json json = budget_json(budget);
  int64_t sum = 0;
  for (const auto& [name, value] : json.items()) sum += value.get<int64_t>();
  EXPECT_EQ(json["total_bytes"], budget.total());
  EXPECT_EQ(sum, 2 * budget.total());
}

}  // namespace
}  // namespace hearth::serve
