// Random traffic: whatever arrives and leaves, no block is used twice, steps keep their budget,
// admission is in the order of arrival, and everything ends with all blocks back.
#include "hearth/engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace hearth {
namespace {

struct Traffic {
  SchedulerLimits limits;
  int64_t blocks = 0;
  std::mt19937 random;
  Scheduler scheduler;
  std::map<int64_t, std::unique_ptr<Sequence>> live;
  std::vector<int64_t> admitted;  // ids in the order in which they first ran
  std::set<int64_t> finished;
  int64_t next_id = 1;
  int64_t steps = 0;

  Traffic(const SchedulerLimits& l, int64_t b, uint32_t seed)
      : limits(l), blocks(b), random(seed), scheduler(l, b) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }

  void arrive() {
    auto s = std::make_unique<Sequence>();
    s->id = next_id++;
    s->prompt_length = 1 + below(150);
    s->tokens.assign(static_cast<size_t>(s->prompt_length), static_cast<int32_t>(s->id));
    s->length_max = s->prompt_length + 1 + below(90);
    s->all_logits = below(5) == 0;
    if (!scheduler.fits(s->length_max)) return;
    scheduler.add(s.get());
    live.emplace(s->id, std::move(s));
  }

  void leave(int64_t id) {
    scheduler.remove(live.at(id).get());
    live.erase(id);
    finished.insert(id);
  }

  // What must hold for a plan, before anything is computed.
  void check(const Scheduler::Plan& plan) {
    const Batch& batch = plan.batch;
    ASSERT_LE(batch.rows(), limits.batch_tokens_max);
    ASSERT_LE(static_cast<int64_t>(plan.owners.size()), limits.sequences_max);
    ASSERT_EQ(plan.owners.size(), batch.sequences.size());
    std::set<int32_t> used;
    std::set<const Sequence*> owners;
    int64_t row = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < plan.owners.size(); ++i) {
      const Sequence& s = *plan.owners[i];
      const SequenceRows& rows = batch.sequences[i];
      ASSERT_TRUE(owners.insert(&s).second);
      ASSERT_EQ(rows.first_row, row);
      ASSERT_GE(rows.rows, 1);
      ASSERT_EQ(rows.start, s.computed);
      ASSERT_LE(rows.end(), static_cast<int64_t>(s.tokens.size()));
      ASSERT_EQ(rows.role, s.in_prompt() ? Role::prompt : Role::generated);
      // Prompt rows and generated rows never share a part: the role decides about bits.
      if (rows.role == Role::prompt) {
        ASSERT_LE(rows.end(), s.prompt_length);
      }
      ASSERT_EQ(static_cast<int64_t>(rows.blocks.size()), Scheduler::blocks_for(rows.end()));
      for (int32_t b : s.blocks) {
        ASSERT_TRUE(b >= 0 && b < blocks);
        ASSERT_TRUE(used.insert(b).second) << "block " << b << " belongs to two sequences";
      }
      ASSERT_TRUE(std::equal(rows.blocks.begin(), rows.blocks.end(), s.blocks.begin()));
      for (int64_t r = 0; r < rows.rows; ++r) {
        ASSERT_EQ(batch.tokens[static_cast<size_t>(row + r)],
                  s.tokens[static_cast<size_t>(rows.start + r)]);
        const bool last = rows.start + r + 1 == static_cast<int64_t>(s.tokens.size());
        if (!s.all_logits && !last) continue;
        ASSERT_LT(wanted, batch.logits_rows.size());
        ASSERT_EQ(batch.logits_rows[wanted++], row + r);
      }
      row += rows.rows;
    }
    ASSERT_EQ(batch.rows(), row);
    ASSERT_EQ(wanted, batch.logits_rows.size());
  }

  void step() {
    ++steps;
    const Scheduler::Plan& plan = scheduler.plan();
    ASSERT_NO_FATAL_FAILURE(check(plan));
    ASSERT_EQ(plan.owners.empty(), live.empty()) << "work is waiting and nothing runs";
    for (const Sequence* s : plan.owners) {
      if (s->computed == 0 && !std::count(admitted.begin(), admitted.end(), s->id)) {
        admitted.push_back(s->id);
      }
    }
    scheduler.commit(plan);
    std::vector<int64_t> done;
    for (Sequence* s : plan.owners) {
      if (s->computed < static_cast<int64_t>(s->tokens.size())) continue;
      if (static_cast<int64_t>(s->tokens.size()) == s->length_max) {
        done.push_back(s->id);
      } else {
        s->tokens.push_back(-static_cast<int32_t>(s->id));
      }
    }
    for (int64_t id : done) leave(id);
  }
};

TEST(Scheduler, RandomTrafficKeepsTheRules) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    SchedulerLimits limits;
    limits.batch_tokens_max = 1 + static_cast<int64_t>(random() % 200);
    limits.sequences_max = 1 + static_cast<int64_t>(random() % 9);
    Traffic t(limits, 4 + static_cast<int64_t>(random() % 20), seed);
    int64_t cancelled = 0;
    for (int arrivals = 0; arrivals < 40;) {
      if (t.below(3) == 0) {
        t.arrive();
        ++arrivals;
      }
      if (!t.live.empty() && t.below(25) == 0) {
        auto victim = t.live.begin();
        std::advance(victim, t.below(static_cast<int64_t>(t.live.size())));
        t.leave(victim->first);
        ++cancelled;
      }
      ASSERT_NO_FATAL_FAILURE(t.step());
    }
    while (!t.live.empty()) {
      ASSERT_NO_FATAL_FAILURE(t.step());
      ASSERT_LT(t.steps, 200000) << "some sequence starves";
    }
    EXPECT_TRUE(t.scheduler.idle());
    EXPECT_TRUE(std::ranges::is_sorted(t.admitted)) << "a late request overtook an early one";
    // All blocks are back: a request that needs every one of them runs.
    Sequence whole;
    whole.prompt_length = whole.length_max = t.blocks * kKvBlockTokens;
    whole.tokens.assign(static_cast<size_t>(whole.prompt_length), 0);
    ASSERT_TRUE(t.scheduler.fits(whole.length_max));
    EXPECT_FALSE(t.scheduler.fits(whole.length_max + 1));
    t.scheduler.add(&whole);
    EXPECT_EQ(t.scheduler.plan().owners.size(), 1u);
    t.scheduler.remove(&whole);
  }
}

TEST(Scheduler, GeneratedTokensGoBeforePromptsAndPromptsFillTheRest) {
  Scheduler scheduler({10, 8}, 16);
  Sequence a, b;
  a.id = 1;
  a.prompt_length = 4;
  a.tokens.assign(4, 7);
  a.length_max = 20;
  b.id = 2;
  b.prompt_length = 30;
  b.tokens.assign(30, 8);
  b.length_max = 40;
  scheduler.add(&a);
  const auto& first = scheduler.plan();
  scheduler.commit(first);
  a.tokens.push_back(9);
  scheduler.add(&b);
  const auto& second = scheduler.plan();
  ASSERT_EQ(second.owners.size(), 2u);
  EXPECT_EQ(second.owners[0], &a);
  EXPECT_EQ(second.batch.sequences[0].role, Role::generated);
  EXPECT_EQ(second.batch.sequences[1].rows, 9);
  EXPECT_EQ(second.batch.logits_rows, std::vector<int64_t>{0});
}

TEST(BlockPool, GivesEachBlockOnce) {
  BlockPool pool(5);
  std::vector<int32_t> taken;
  while (pool.available() > 0) taken.push_back(pool.take());
  EXPECT_EQ(taken, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  pool.give_back(taken);
  EXPECT_TRUE(taken.empty());
  EXPECT_EQ(pool.available(), 5);
  EXPECT_EQ(pool.take(), 0);
}

}  // namespace
}  // namespace hearth
