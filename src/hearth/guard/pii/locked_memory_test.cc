// The pages of clear values are locked and left out of core files, and nothing of a value is found
// in the process when they are gone. Where the system tells it: /proc/self/smaps and
// /proc/self/mem.
#include "hearth/guard/pii/locked_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "hearth/base/check.h"
#include "hearth/base/sanitized.h"

namespace hearth::pii {
namespace {

struct Region {
  uintptr_t begin = 0, end = 0;
  bool readable = false;
  std::string flags;  // VmFlags: lo locked, dd not in core files
};

std::vector<Region> regions() {
  std::vector<Region> out;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream in(line);
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string rights;
    if (in >> std::hex >> begin >> dash >> end >> rights && dash == '-') {
      out.push_back({begin, end, rights[0] == 'r', ""});
    } else if (line.starts_with("VmFlags:")) {
      out.back().flags = line.substr(8) + " ";
    }
  }
  return out;
}

const Region* region_of(const std::vector<Region>& all, const void* at) {
  const auto address = reinterpret_cast<uintptr_t>(at);
  for (const Region& r : all) {
    if (r.begin <= address && address < r.end) return &r;
  }
  return nullptr;
}

// A value that stands nowhere in the program, nor could: the compiler doesn't know the seed.
volatile size_t seed = 13;
char letter(size_t i, size_t from) {
  return static_cast<char>('!' + (i * i * 7 + from) % 90);
}
constexpr size_t kSize = 64;

// Sanitizers have an mlock() of their own, which does nothing.
constexpr bool kCanLock = !kSanitized;

// The regions of memory that hold the value.
std::vector<Region> holders(const std::vector<Region>& all) {
  std::vector<Region> out;
  const size_t from = seed;
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);  // a stream would buffer
  CHECK(memory >= 0);
  for (const Region& r : all) {
    if (!r.readable || r.end - r.begin > uintptr_t{1} << 32) continue;  // ASan's shadow
    std::vector<char> bytes(r.end - r.begin);
    const ssize_t got = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(r.begin));
    const auto read = static_cast<size_t>(std::max<ssize_t>(0, got));
    // Compared character by character with how it is spelled, so that no copy of it is made.
    bool found = false;
    for (size_t at = 0; !found && at + kSize <= read; ++at) {
      size_t i = 0;
      while (i < kSize && bytes[at + i] == letter(i, from)) ++i;
      found = i == kSize;
    }
    ::explicit_bzero(bytes.data(), bytes.size());
    if (found) out.push_back(r);
  }
  ::close(memory);
  return out;
}

TEST(LockedMemory, KeepsWhatItWasGiven) {
  LockedMemory memory;
  const auto first = memory.keep("first");
  ASSERT_TRUE(first.has_value());
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(memory.keep("0123456789").has_value());
  EXPECT_EQ(*first, "first");
}

TEST(LockedMemory, IsLockedAndLeftOutOfCores) {
  LockedMemory memory;
  std::vector<std::string_view> kept;
  for (int i = 0; i < 3; ++i) {
    const auto one = memory.keep(std::string(5000, 'x'));  // a block each
    ASSERT_TRUE(one.has_value()) << one.status().message();
    kept.push_back(*one);
  }
  const std::vector<Region> all = regions();
  for (const std::string_view one : kept) {
    for (const char* at : {one.data(), one.data() + one.size() - 1}) {
      const Region* const r = region_of(all, at);
      ASSERT_NE(r, nullptr);
      EXPECT_EQ(r->flags.find(" lo ") != std::string::npos, kCanLock) << r->flags;
      EXPECT_NE(r->flags.find(" dd "), std::string::npos) << r->flags;
    }
  }
}

TEST(LockedMemory, LeavesNothingBehind) {
  {
    LockedMemory memory;
    char value[kSize];
    for (size_t i = 0; i < kSize; ++i) value[i] = letter(i, seed);
    const auto kept = memory.keep({value, kSize});
    ::explicit_bzero(value, kSize);
    ASSERT_TRUE(kept.has_value());
    const std::vector<Region> found = holders(regions());
    ASSERT_EQ(found.size(), 1u) << "the value stands in its locked pages alone";
    EXPECT_EQ(found[0].flags.find(" lo ") != std::string::npos, kCanLock) << found[0].flags;
  }
  EXPECT_TRUE(holders(regions()).empty());
}

}  // namespace
}  // namespace hearth::pii
