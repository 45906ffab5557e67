// Aligned, zeroed, whole; given back when its owner goes.
#include "hearth/base/huge_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace hearth {
namespace {

TEST(HugeMemory, IsAlignedZeroedAndWritable) {
  for (const int64_t bytes : {int64_t{1}, HugeMemory::kPage, HugeMemory::kPage + 1}) {
    auto memory = HugeMemory::allocate(bytes);
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % HugeMemory::kPage, 0u);
    EXPECT_GE(memory->bytes(), bytes);
    EXPECT_EQ(memory->data()[memory->bytes() - 1], std::byte{0});
    memory->data()[memory->bytes() - 1] = std::byte{1};
  }
}

TEST(HugeMemory, MovesItsPages) {
  auto first = HugeMemory::allocate(100);
  ASSERT_TRUE(first.has_value());
  std::byte* data = first->data();
  data[5] = std::byte{7};
  HugeMemory second = std::move(*first);
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(second.data()[5], std::byte{7});
}

TEST(HugeMemory, RefusesWhatNoMachineHas) {
  const auto memory = HugeMemory::allocate(int64_t{1} << 60);
  ASSERT_FALSE(memory.has_value());
  EXPECT_EQ(memory.status().code(), Code::no_memory);
}

}  // namespace
}  // namespace hearth
