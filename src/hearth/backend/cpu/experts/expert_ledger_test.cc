// The ledger against random walks: never above its budget, never without what is pinned, and what
// it lets go is what it says.
#include "hearth/backend/cpu/experts/expert_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace hearth::cpu {
namespace {

// A walk of random admissions, pins and uses, with a second set of books.
class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed), ledger_(between(1, 4000)) {
    const int64_t layers = between(1, 6);
    for (int64_t l = 0; l < layers; ++l) {
      std::vector<int64_t> bytes(static_cast<size_t>(between(1, 12)));
      for (int64_t& b : bytes) b = between(1, 300);
      first_.push_back(ledger_.add_layer(bytes));
      count_.push_back(static_cast<int64_t>(bytes.size()));
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) step();
  }

 private:
  int64_t between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  void step() {
    const int64_t e = between(0, ledger_.size() - 1);
    const int64_t what = between(0, 9);
    if (what < 4) {
      admit(e);
    } else if (what < 7) {
      if (!pins_.empty()) unpin(std::next(pins_.begin(), between(0, std::ssize(pins_) - 1))->first);
    } else if (what < 8) {
      if (held_.count(e) > 0) {
        ledger_.pin(e);
        ++pins_[e];
      }
    } else {
      const auto l = static_cast<size_t>(between(0, std::ssize(first_) - 1));
      std::vector<int64_t> uses(static_cast<size_t>(count_[l]));
      const int64_t rows = between(1, 600);
      for (int64_t& u : uses) u = between(0, rows);
      ledger_.use(first_[l], uses, rows);
    }
    check();
  }

  void admit(int64_t e) {
    if (held_.count(e) > 0) return;
    int64_t pinned = 0;
    for (const auto& [id, n] : pins_) pinned += ledger_.bytes(id);
    std::vector<int64_t> gone;
    const bool in = ledger_.admit(e, gone);
    ASSERT_EQ(in, pinned + ledger_.bytes(e) <= ledger_.budget());  // it fits whenever it can
    for (const int64_t victim : gone) {
      ASSERT_EQ(pins_.count(victim), 0u);
      ASSERT_EQ(held_.erase(victim), 1u);
    }
    if (!in) {
      ASSERT_TRUE(gone.empty());
      return;
    }
    held_.insert(e);
    pins_[e] = 1;
  }

  void unpin(int64_t e) {
    ledger_.unpin(e);
    if (--pins_[e] == 0) pins_.erase(e);
  }

  void check() {
    int64_t used = 0;
    for (int64_t e = 0; e < ledger_.size(); ++e) {
      ASSERT_EQ(ledger_.is_held(e), held_.count(e) > 0);
      if (ledger_.is_held(e)) used += ledger_.bytes(e);
    }
    ASSERT_EQ(used, ledger_.used_bytes());
    ASSERT_LE(used, ledger_.budget());
  }

  std::mt19937_64 random_;
  ExpertLedger ledger_;
  std::vector<int64_t> first_, count_;
  std::set<int64_t> held_;
  std::map<int64_t, int64_t> pins_;
};

TEST(ExpertLedger, KeepsItsBudgetAndWhatIsPinned) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Walk walk(seed);
    walk.run(200);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

std::vector<int64_t> uses_of(int64_t experts, std::initializer_list<int64_t> chosen) {
  std::vector<int64_t> uses(static_cast<size_t>(experts));
  for (const int64_t e : chosen) ++uses[static_cast<size_t>(e)];
  return uses;
}

TEST(ExpertLedger, LetsTheLeastUsedGo) {
  ExpertLedger ledger(3, 8);
  const std::vector<int64_t> one_each(4, 1);
  ledger.add_layer(one_each);
  std::vector<int64_t> gone;
  for (const int64_t e : {0, 1, 2}) {
    ASSERT_TRUE(ledger.admit(e, gone));
    ledger.unpin(e);
  }
  for (int i = 0; i < 3; ++i) ledger.use(0, uses_of(4, {0}), 1);
  ledger.use(0, uses_of(4, {1, 2}), 1);
  ledger.use(0, uses_of(4, {2}), 1);
  ASSERT_TRUE(ledger.admit(3, gone));
  EXPECT_EQ(gone, std::vector<int64_t>{1});  // later than 0, but once and not three times
  // A use long ago counts less than one just now.
  ledger.unpin(3);
  for (int i = 0; i < 60; ++i) ledger.use(0, uses_of(4, {3}), 1);
  ledger.use(0, uses_of(4, {2}), 1);
  gone.clear();
  ASSERT_TRUE(ledger.admit(1, gone));
  EXPECT_EQ(gone, std::vector<int64_t>{0});
}

// A circle over layers that are together larger than the budget: with one order of age for all of
// them nothing would ever be there.
TEST(ExpertLedger, KeepsAnEqualPartOfEachLayer) {
  constexpr int64_t kLayers = 4, kExperts = 10;
  ExpertLedger ledger(20);
  const std::vector<int64_t> bytes(kExperts, 1);
  for (int64_t l = 0; l < kLayers; ++l) ledger.add_layer(bytes);
  int64_t hits = 0, asked = 0;
  for (int round = 0; round < 10; ++round) {
    for (int64_t l = 0; l < kLayers; ++l) {
      // What is there is computed first; then the others take its room.
      std::vector<int64_t> absent;
      for (int64_t e = l * kExperts; e < (l + 1) * kExperts; ++e) {
        ++asked;
        ledger.is_held(e) ? void(++hits) : absent.push_back(e);
      }
      ledger.use(l * kExperts, bytes, 1);
      std::vector<int64_t> gone;
      for (const int64_t e : absent) {
        ASSERT_TRUE(ledger.admit(e, gone));
        ledger.unpin(e);
      }
    }
  }
  EXPECT_GT(hits, asked / 3);  // half of the experts fit, and the first rounds fill
}

}  // namespace
}  // namespace hearth::cpu
