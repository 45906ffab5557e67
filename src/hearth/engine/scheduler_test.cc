// Random traffic against a cache that is played with numbers: the value of a position depends on
// all tokens before it, their roles and the scope, as keys and values do. Whatever arrives, leaves,
// stops and shares, every row finds the values of its own past; steps keep their budget, blocks are
// accounted for, and everything ends.
#include "hearth/engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace hearth {
namespace {

uint64_t mixed(uint64_t a, uint64_t b) {
  const uint64_t z = (a ^ b) * 0x9e3779b97f4a7c15u;
  return z ^ (z >> 29);
}

// The values of the first `count` positions.
std::vector<uint64_t> values_of(const Sequence& s, int64_t count) {
  std::vector<uint64_t> values;
  uint64_t v = mixed(mixed(1, s.scope.tenant), s.scope.adapter + 77);
  for (int64_t i = 0; i < count; ++i) {
    const auto token = static_cast<uint64_t>(s.tokens[static_cast<size_t>(i)]);
    v = mixed(v, 2 * token + (i < s.prompt_length ? 1 : 0));
    values.push_back(v);
  }
  return values;
}

struct Traffic {
  SchedulerLimits limits;
  int64_t blocks = 0;
  std::mt19937 random;
  Scheduler scheduler;
  std::vector<uint64_t> cache;
  std::map<int64_t, std::unique_ptr<Sequence>> live;
  int64_t next_id = 1;
  int64_t steps = 0;
  int64_t chunk_rows = 0;

  Traffic(const SchedulerLimits& l, int64_t b, uint32_t seed)
      : limits(l),
        blocks(b),
        random(seed),
        scheduler(l, b),
        cache(static_cast<size_t>(b * kKvBlockTokens)) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }

  // Prompts begin alike, so that they share; some bring a part of their answer with them.
  std::unique_ptr<Sequence> random_sequence() {
    auto s = std::make_unique<Sequence>();
    s->id = next_id;
    s->priority = static_cast<int32_t>(below(3)) - 1;
    s->scope = {static_cast<uint64_t>(below(2)), static_cast<uint64_t>(below(5) / 4)};
    s->prompt_length = 1 + below(220);
    const int64_t common = below(s->prompt_length + 1);
    const int64_t family = below(2);
    for (int64_t i = 0; i < s->prompt_length; ++i) {
      s->tokens.push_back(static_cast<int32_t>(i < common ? i + family : below(1000)));
    }
    const int64_t generated = below(4) ? 0 : below(100);
    for (int64_t i = 0; i < generated; ++i) s->tokens.push_back(static_cast<int32_t>(i % 7));
    s->length_max = s->length() + below(90);
    s->every_row = below(6) == 0;
    s->hidden = below(5) == 0;
    return s;
  }

  void arrive() {
    auto s = random_sequence();
    if (!scheduler.fits(s->length_max) || scheduler.full()) return;
    ++next_id;
    if (below(3) == 0 && !live.empty()) {
      Sequence& leader = *std::prev(live.end())->second;
      s->leader = &leader;
      s->scope = leader.scope;
      const auto prompt = leader.tokens.begin() + leader.prompt_length;
      s->tokens.assign(leader.tokens.begin(), prompt);
      s->prompt_length = leader.prompt_length;
      s->length_max = std::max(s->length(), leader.length_max);
    }
    scheduler.add(s.get());
    live.emplace(s->id, std::move(s));
  }

  void leave(int64_t id) {
    scheduler.remove(live.at(id).get());
    live.erase(id);
  }

  uint64_t& at(const SequenceRows& rows, int64_t position) {
    const int64_t block = rows.blocks[static_cast<size_t>(position / kKvBlockTokens)];
    return cache[static_cast<size_t>(block * kKvBlockTokens + position % kKvBlockTokens)];
  }

  void check_part(const Scheduler::Plan& plan, size_t i, int64_t first_row, size_t& logits,
                  size_t& hidden) {
    const Sequence& s = *plan.owners[i];
    const SequenceRows& rows = plan.batch.sequences[i];
    ASSERT_EQ(rows.first_row, first_row);
    ASSERT_GE(rows.rows, 1);
    ASSERT_EQ(rows.start, s.computed);
    ASSERT_LE(rows.end(), s.length());
    ASSERT_EQ(rows.role, s.in_prompt() ? Role::prompt : Role::generated);
    // Prompt rows and generated rows never share a part: the role decides about bits.
    if (rows.role == Role::prompt) {
      ASSERT_LE(rows.end(), s.prompt_length);
    }
    ASSERT_EQ(static_cast<int64_t>(rows.blocks.size()), Scheduler::blocks_for(rows.end()));
    ASSERT_TRUE(std::equal(rows.blocks.begin(), rows.blocks.end(), s.blocks.begin()));
    const std::vector<int64_t>& outputs =
        s.hidden ? plan.batch.hidden_rows : plan.batch.logits_rows;
    size_t& wanted = s.hidden ? hidden : logits;
    const size_t wanted_before = wanted;
    for (int64_t r = 0; r < rows.rows; ++r) {
      const int64_t position = rows.start + r;
      ASSERT_EQ(plan.batch.tokens[static_cast<size_t>(first_row + r)],
                s.tokens[static_cast<size_t>(position)]);
      const bool is_wanted =
          position + 1 == s.length() || (s.every_row && position >= s.outputs_from);
      if (!is_wanted) continue;
      ASSERT_LT(wanted, outputs.size());
      ASSERT_EQ(outputs[wanted++], first_row + r);
    }
    ASSERT_EQ(plan.outputs[i], static_cast<int64_t>(wanted - wanted_before));
  }

  void check_accounts() {
    const SchedulerStats stats = scheduler.stats();
    std::set<int32_t> held;
    for (const auto& [id, s] : live) held.insert(s->blocks.begin(), s->blocks.end());
    ASSERT_EQ(stats.blocks_held, static_cast<int64_t>(held.size()));
    ASSERT_EQ(stats.blocks_total, blocks);
    ASSERT_EQ(stats.blocks_held + stats.blocks_cached + stats.blocks_free, blocks);
    ASSERT_EQ(stats.running + stats.waiting, static_cast<int64_t>(live.size()));
    if (!limits.prefix_cache) {
      ASSERT_EQ(stats.blocks_cached, 0);
    }
    if (limits.reserve == Reserve::full) {
      ASSERT_EQ(stats.preemptions, 0);
    }
  }

  // Beside sequences that decode the others have no more rows than they may.
  void check_chunks(const Scheduler::Plan& plan) {
    int64_t rows = 0;
    bool decoding = false;
    for (size_t i = 0; i < plan.owners.size(); ++i) {
      const bool decodes = !plan.owners[i]->in_prompt() && plan.owners[i]->pending() == 1;
      decoding = decoding || decodes;
      rows += decodes ? 0 : plan.batch.sequences[i].rows;
    }
    if (decoding) {
      ASSERT_LE(rows, chunk_rows);
    }
  }

  // What must hold for a plan, before anything is computed.
  void check(const Scheduler::Plan& plan) {
    ASSERT_LE(plan.batch.rows(), limits.batch_tokens_max);
    ASSERT_LE(static_cast<int64_t>(plan.owners.size()), limits.sequences_max);
    ASSERT_NO_FATAL_FAILURE(check_chunks(plan));
    ASSERT_EQ(plan.batch.rows() - plan.chunk_rows, scheduler.decoding_rows());
    ASSERT_EQ(plan.owners.size(), plan.batch.sequences.size());
    std::set<const Sequence*> owners;
    int64_t row = 0;
    size_t logits = 0;
    size_t hidden = 0;
    for (size_t i = 0; i < plan.owners.size(); ++i) {
      ASSERT_TRUE(owners.insert(plan.owners[i]).second);
      ASSERT_NO_FATAL_FAILURE(check_part(plan, i, row, logits, hidden));
      row += plan.batch.sequences[i].rows;
    }
    ASSERT_EQ(plan.batch.rows(), row);
    ASSERT_EQ(logits, plan.batch.logits_rows.size());
    ASSERT_EQ(hidden, plan.batch.hidden_rows.size());
    // Who only decodes has a row in every step.
    for (const auto& [id, s] : live) {
      if (s->blocks.empty() || s->in_prompt() || s->pending() > 1) continue;
      ASSERT_TRUE(owners.contains(s.get()));
    }
    check_accounts();
  }

  void compute(const Scheduler::Plan& plan) {
    for (size_t i = 0; i < plan.owners.size(); ++i) {
      const Sequence& s = *plan.owners[i];
      const SequenceRows& rows = plan.batch.sequences[i];
      const std::vector<uint64_t> values = values_of(s, rows.end());
      for (int64_t p = 0; p < rows.end(); ++p) {
        const uint64_t value = values[static_cast<size_t>(p)];
        if (p >= rows.start) at(rows, p) = value;
        ASSERT_EQ(at(rows, p), value) << "position " << p << " of " << s.id;
      }
    }
  }

  void step() {
    ++steps;
    scheduler.set_share(1.0 / static_cast<double>(1 + steps / 7 % 4));  // warm now and then
    chunk_rows = 1 + below(limits.batch_tokens_max);
    scheduler.set_chunk_rows(chunk_rows);
    const Scheduler::Plan& plan = scheduler.plan();
    ASSERT_NO_FATAL_FAILURE(check(plan));
    ASSERT_EQ(plan.owners.empty(), live.empty()) << "work is waiting and nothing runs";
    ASSERT_NO_FATAL_FAILURE(compute(plan));
    scheduler.commit(plan);
    ASSERT_NO_FATAL_FAILURE(check_accounts());
    std::vector<int64_t> done;
    for (Sequence* s : plan.owners) {
      if (s->computed < s->length()) continue;
      if (s->length() == s->length_max) {
        done.push_back(s->id);
      } else {
        s->tokens.push_back(static_cast<int32_t>(values_of(*s, s->length()).back() % 3));
      }
    }
    for (int64_t id : done) leave(id);
  }

  void run(int arrivals) {
    while (arrivals > 0) {
      if (below(3) == 0) {
        arrive();
        --arrivals;
      }
      if (!live.empty() && below(25) == 0) {
        auto victim = live.begin();
        std::advance(victim, below(static_cast<int64_t>(live.size())));
        leave(victim->first);
      }
      ASSERT_NO_FATAL_FAILURE(step());
    }
    while (!live.empty()) {
      ASSERT_NO_FATAL_FAILURE(step());
      ASSERT_LT(steps, 200000) << "some sequence starves";
    }
  }
};

TEST(Scheduler, RandomTrafficKeepsTheRules) {
  int64_t preemptions = 0;
  int64_t cached = 0;
  for (uint32_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    SchedulerLimits limits;
    limits.batch_tokens_max = 1 + static_cast<int64_t>(random() % 200);
    limits.sequences_max = 1 + static_cast<int64_t>(random() % 9);
    limits.queue_max = 1 + static_cast<int64_t>(random() % 20);
    limits.reserve = random() % 4 ? Reserve::prompt : Reserve::full;
    limits.prefix_cache = random() % 3 != 0;
    Traffic t(limits, 4 + static_cast<int64_t>(random() % 20), seed);
    ASSERT_NO_FATAL_FAILURE(t.run(40));
    EXPECT_TRUE(t.scheduler.idle());
    preemptions += t.scheduler.stats().preemptions;
    cached += t.scheduler.stats().cached_tokens;
    EXPECT_EQ(t.scheduler.stats().blocks_held, 0);
    // A request that needs every block runs.
    Sequence whole;
    whole.id = t.next_id;
    whole.prompt_length = whole.length_max = t.blocks * kKvBlockTokens;
    whole.tokens.assign(static_cast<size_t>(whole.prompt_length), 5000);
    ASSERT_TRUE(t.scheduler.fits(whole.length_max));
    EXPECT_FALSE(t.scheduler.fits(whole.length_max + 1));
    t.scheduler.add(&whole);
    EXPECT_EQ(t.scheduler.plan().owners.size(), 1u);
    t.scheduler.remove(&whole);
  }
  EXPECT_GT(preemptions, 100) << "the pools were too large to test anything";
  EXPECT_GT(cached, 1000) << "nothing was shared";
}

struct Simple : Sequence {
  Simple(int64_t number, int64_t prompt, int64_t most, int32_t token) {
    id = number;
    prompt_length = prompt;
    tokens.assign(static_cast<size_t>(prompt), token);
    length_max = most;
  }
};

// Computes a step; who has no token left gets one.
void run_step(Scheduler& scheduler) {
  const Scheduler::Plan& plan = scheduler.plan();
  scheduler.commit(plan);
  for (Sequence* s : plan.owners) {
    if (s->computed == s->length()) s->tokens.push_back(9);
  }
}

TEST(Scheduler, GeneratedTokensGoBeforePromptsAndPromptsFillTheRest) {
  Scheduler scheduler({10, 8}, 16);
  Simple a(1, 4, 20, 7), b(2, 30, 40, 8);
  scheduler.add(&a);
  run_step(scheduler);
  scheduler.add(&b);
  const auto& second = scheduler.plan();
  ASSERT_EQ(second.owners.size(), 2u);
  EXPECT_EQ(second.owners[0], &a);
  EXPECT_EQ(second.batch.sequences[0].role, Role::generated);
  EXPECT_EQ(second.batch.sequences[1].rows, 9);
  EXPECT_EQ(second.batch.logits_rows, std::vector<int64_t>{0});
}

TEST(Scheduler, AShareOfTheLimits) {
  Scheduler scheduler({40, 8}, 64);
  std::vector<std::unique_ptr<Simple>> all;
  for (int64_t i = 1; i <= 8; ++i) {
    all.push_back(std::make_unique<Simple>(i, 60, 100, static_cast<int32_t>(i)));
    scheduler.add(all.back().get());
  }
  scheduler.set_share(0.25);
  EXPECT_EQ(scheduler.plan().batch.rows(), 10);
  EXPECT_EQ(scheduler.stats().running, 2);
  scheduler.set_share(0.01);  // who runs goes on, with a row at least
  EXPECT_EQ(scheduler.plan().batch.rows(), 2);
  scheduler.set_share(1);
  EXPECT_EQ(scheduler.plan().batch.rows(), 40);
  EXPECT_EQ(scheduler.stats().running, 8);
  for (const auto& s : all) scheduler.remove(s.get());
}

// Behind a prompt of a hundred chunks and another of fifty a short one is through in its first
// step, and the oldest has half of every step.
TEST(Scheduler, AShortPromptWaitsForNoLongOne) {
  Scheduler scheduler({64, 8}, 400);
  Simple longest(1, 6400, 6401, 1), longer(2, 3200, 3201, 2), brief(3, 20, 30, 3);
  scheduler.add(&longest);
  scheduler.add(&longer);
  run_step(scheduler);
  EXPECT_EQ(longest.computed, 32);
  EXPECT_EQ(longer.computed, 32);
  scheduler.add(&brief);
  run_step(scheduler);
  EXPECT_EQ(brief.computed, 20);
  EXPECT_EQ(longest.computed, 64);
  EXPECT_EQ(longer.computed, 44);
}

TEST(Scheduler, TheLastInRankMakesWay) {
  SchedulerLimits limits;
  limits.prefix_cache = false;
  Scheduler scheduler(limits, 4);
  Simple old(1, 60, 200, 1), young(2, 60, 200, 2), urgent(3, 60, 120, 3);
  urgent.priority = 1;
  scheduler.add(&old);
  scheduler.add(&young);
  run_step(scheduler);
  EXPECT_EQ(scheduler.stats().blocks_held, 4);
  scheduler.add(&urgent);
  const auto& plan = scheduler.plan();
  ASSERT_EQ(plan.owners.size(), 2u);
  EXPECT_EQ(plan.owners[0], &old);
  EXPECT_EQ(plan.owners[1], &urgent);
  EXPECT_TRUE(young.blocks.empty());
  EXPECT_EQ(old.blocks.size(), 2u);
  EXPECT_EQ(scheduler.stats().preemptions, 1);
  scheduler.commit(plan);
  old.tokens.push_back(9);
  scheduler.remove(&urgent);
  EXPECT_EQ(scheduler.plan().owners.size(), 2u);
  EXPECT_EQ(young.blocks.size(), 2u);
}

TEST(Scheduler, ChoicesWaitForTheirPromptAndShareIt) {
  Scheduler scheduler({64, 8}, 16);
  Simple first(1, 140, 200, 1), second(2, 140, 200, 1), other(3, 10, 20, 2);
  second.leader = &first;
  scheduler.add(&first);
  scheduler.add(&second);
  scheduler.add(&other);
  for (int step = 0; step < 3; ++step) {
    EXPECT_TRUE(second.blocks.empty());
    run_step(scheduler);
  }
  EXPECT_EQ(other.computed, 12) << "waiting for a prompt blocks nobody else";
  run_step(scheduler);
  EXPECT_EQ(second.cached_tokens, 128);
  EXPECT_EQ(second.computed, 140);
  EXPECT_EQ(first.blocks[1], second.blocks[1]);
  EXPECT_NE(first.blocks[2], second.blocks[2]);
}

TEST(Scheduler, TheQueueHasAnEnd) {
  SchedulerLimits limits;
  limits.queue_max = 2;
  Scheduler scheduler(limits, 4);
  Simple a(1, 5, 6, 1), b(2, 5, 6, 1);
  scheduler.add(&a);
  EXPECT_FALSE(scheduler.full());
  scheduler.add(&b);
  EXPECT_TRUE(scheduler.full());
  scheduler.plan();
  EXPECT_FALSE(scheduler.full());
}

struct Block {
  std::vector<int32_t> tokens = std::vector<int32_t>(kKvBlockTokens, 1);
  BlockContent content(int64_t prompt_tokens = kKvBlockTokens, PrefixScope scope = {}) const {
    return {tokens, prompt_tokens, scope};
  }
};

TEST(BlockPool, GivesFreeBlocksFirstAndThenTheLongestUnused) {
  BlockPool pool(3);
  Block one, two;
  two.tokens[0] = 2;
  const int32_t a = pool.take(), b = pool.take();
  EXPECT_EQ(pool.publish(a, {1, 0}, kNoBlock, one.content()), a);
  EXPECT_EQ(pool.publish(b, {2, 0}, kNoBlock, two.content()), b);
  pool.release(b);
  pool.release(a);
  EXPECT_EQ(pool.cached(), 2);
  const int32_t c = pool.take();
  EXPECT_NE(c, a);
  EXPECT_NE(c, b);
  EXPECT_EQ(pool.take(), b) << "released before a";
  EXPECT_EQ(pool.find({2, 0}, kNoBlock, two.content()), kNoBlock);
  EXPECT_EQ(pool.find({1, 0}, kNoBlock, one.content()), a);
  pool.hold(a);
  EXPECT_EQ(pool.available(), 0);
  EXPECT_EQ(pool.held(), 3);
}

// Whoever found a collision gets nothing by it: all that bits depend on is compared.
TEST(BlockPool, AHashAloneIsNoHit) {
  BlockPool pool(4);
  const Hash128 key{7, 7};
  Block block, other;
  other.tokens[63] = 9;
  const int32_t a = pool.take(), b = pool.take();
  ASSERT_EQ(pool.publish(a, key, kNoBlock, block.content(10, {3, 0})), a);
  EXPECT_EQ(pool.find(key, kNoBlock, block.content(10, {3, 0})), a);
  EXPECT_EQ(pool.find(key, kNoBlock, other.content(10, {3, 0})), kNoBlock);
  EXPECT_EQ(pool.find(key, kNoBlock, block.content(11, {3, 0})), kNoBlock);
  EXPECT_EQ(pool.find(key, kNoBlock, block.content(10, {4, 0})), kNoBlock);
  EXPECT_EQ(pool.find(key, kNoBlock, block.content(10, {3, 1})), kNoBlock);
  EXPECT_EQ(pool.find(key, b, block.content(10, {3, 0})), kNoBlock);
  EXPECT_EQ(pool.publish(b, key, kNoBlock, other.content(10, {3, 0})), kNoBlock);
  EXPECT_EQ(pool.publish(b, key, kNoBlock, block.content(10, {3, 0})), a) << "known already";
}

TEST(PrefixHash, DependsOnEverythingAndOnTheKey) {
  const PrefixHasher hasher = PrefixHasher::random();
  Block block, other;
  other.tokens[63] = 9;
  const Hash128 base = hasher.hash({}, block.content());
  EXPECT_EQ(base, hasher.hash({}, block.content()));
  EXPECT_NE(base, hasher.hash({0, 1}, block.content()));
  EXPECT_NE(base, hasher.hash({}, other.content()));
  EXPECT_NE(base, hasher.hash({}, block.content(63)));
  EXPECT_NE(base, hasher.hash({}, block.content(kKvBlockTokens, {1, 0})));
  EXPECT_NE(base, hasher.hash({}, block.content(kKvBlockTokens, {0, 1})));
  EXPECT_NE(base, PrefixHasher::random().hash({}, block.content()));
}

}  // namespace
}  // namespace hearth
