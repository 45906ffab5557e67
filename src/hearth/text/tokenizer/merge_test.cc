// Merging against the plainest possible program, and long pieces in bounded time.
#include "hearth/text/tokenizer/merge.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>

#include "hearth/text/tokenizer/models.h"

namespace hearth {
namespace {

using Rules = std::map<std::pair<int32_t, int32_t>, Merge>;

std::optional<Merge> find_rule(const Rules& rules, int32_t left, int32_t right) {
  const auto found = rules.find({left, right});
  return found == rules.end() ? std::nullopt : std::optional<Merge>(found->second);
}

std::vector<int32_t> merge_plainly(std::vector<int32_t> ids, const Rules& rules) {
  while (true) {
    size_t best = ids.size();
    Merge merge{UINT32_MAX, -1};
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto rule = find_rule(rules, ids[i], ids[i + 1]);
      if (!rule || rule->rank >= merge.rank) continue;
      merge = *rule;
      best = i;
    }
    if (best == ids.size()) return ids;
    ids[best] = merge.id;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(Merger, DoesWhatThePlainLoopDoes) {
  std::mt19937_64 random(11);
  Merger merger;
  for (int round = 0; round < 3000; ++round) {
    const auto letters = static_cast<int32_t>(1 + random() % 4);
    Rules rules;
    auto next = letters;
    for (uint32_t rank = 0; rank < random() % 30; ++rank) {
      const auto left = static_cast<int32_t>(random() % static_cast<uint64_t>(next));
      const auto right = static_cast<int32_t>(random() % static_cast<uint64_t>(next));
      rules.insert({{left, right}, {rank, next++}});
    }
    std::vector<int32_t> ids;
    std::vector<Symbol> symbols;
    for (uint32_t i = 0; i < random() % 150; ++i) {
      ids.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(letters)));
      symbols.push_back({ids.back(), i, i + 1});
    }
    merger.run(symbols, [&](const Symbol& left, const Symbol& right) {
      return find_rule(rules, left.id, right.id);
    });
    std::vector<int32_t> merged;
    uint32_t at = 0;
    for (const Symbol& symbol : symbols) {
      merged.push_back(symbol.id);
      ASSERT_EQ(symbol.begin, at);
      at = symbol.end;
    }
    ASSERT_EQ(at, ids.size());
    ASSERT_EQ(merged, merge_plainly(ids, rules));
  }
}

TEST(MergeTable, FindsWhatWasAddedLast) {
  MergeTable table(3);
  EXPECT_FALSE(table.find(0, 0).has_value());
  table.add(0, 1, {5, 7});
  table.add(1, 0, {6, 8});
  table.add(0, 1, {9, 7});
  EXPECT_EQ(table.find(0, 1)->rank, 9u);
  EXPECT_EQ(table.find(1, 0)->id, 8);
  EXPECT_FALSE(table.find(1, 1).has_value());
  EXPECT_FALSE(MergeTable().find(2, 3).has_value());
}

TEST(SpmModel, RanksOrderScores) {
  const float scores[] = {3e38f, 1.5f, 1e-40f, 0.0f, -1e-40f, -2.0f, -3e38f};
  for (size_t i = 0; i + 1 < std::size(scores); ++i) {
    EXPECT_LT(SpmModel::rank_of_score(scores[i]), SpmModel::rank_of_score(scores[i + 1]));
  }
  EXPECT_EQ(SpmModel::rank_of_score(0.0f), SpmModel::rank_of_score(-0.0f));
}

}  // namespace
}  // namespace hearth
