// The layer for multi-token prediction goes along with the model: however a text came to be
// computed (in chunks, beside others, behind wrong guesses, again after it was taken back), the
// guesses are those of a run that knows nothing else.
#include "hearth/engine/mtp_drafter.h"

#include <gtest/gtest.h>

#include <random>

#include "hearth/engine/testing.h"

namespace hearth {
namespace {

LoadOptions with_mtp() {
  LoadOptions options;
  options.hints.mtp = true;
  return options;
}

struct Network : test::Network<> {
  Network() : test::Network<>("deepseek_v3_mtp", with_mtp()) {}
  const Model& model() const { return *loaded.model; }
  KvCache cache(int64_t blocks) const {
    KvCache made(model().kv_spec(Format::f16), blocks);
    const Shape states = {256, model().info().hidden_size};
    made.keep_states(states, host_memory(states.elements() * 4));
    return made;
  }
};

std::vector<int32_t> random_text(std::mt19937& random, int64_t length) {
  std::vector<int32_t> text;
  for (int64_t i = 0; i < length; ++i) text.push_back(static_cast<int32_t>(random() % 80));
  return text;
}

// Sequences that a test moves by hand, as the scheduler would.
class Steps {
 public:
  Steps(Network& n, int64_t blocks)
      : n_(n), cache_(n.cache(blocks)), drafter_(n.model(), n.backend, cache_) {}

  // The next `rows` tokens of a sequence run, with wrong guesses behind them.
  void add(Sequence& s, int64_t rows, const std::vector<int32_t>& wrong, int64_t wanted) {
    SequenceRows part{batch_.rows(), rows + static_cast<int64_t>(wrong.size()), s.computed,
                      s.in_prompt() ? Role::prompt : Role::generated, s.blocks};
    const auto from = s.tokens.begin() + s.computed;
    batch_.tokens.insert(batch_.tokens.end(), from, from + rows);
    batch_.tokens.insert(batch_.tokens.end(), wrong.begin(), wrong.end());
    batch_.sequences.push_back(std::move(part));
    owners_.push_back({&s, rows, wanted});
  }

  // The guesses of each.
  std::vector<std::vector<int32_t>> run() {
    n_.backend.begin_step();
    (void)n_.model().forward(n_.backend, batch_, cache_);
    std::vector<MtpDrafter::Part> parts(owners_.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      owners_[i].sequence->computed += owners_[i].rows;
      parts[i] = {&batch_.sequences[i], owners_[i].sequence, owners_[i].wanted, {7}, {}};
    }
    EXPECT_TRUE(drafter_.run(parts).is_ok());
    std::vector<std::vector<int32_t>> guesses;
    for (MtpDrafter::Part& part : parts) guesses.push_back(std::move(part.guesses));
    batch_ = {};
    owners_.clear();
    return guesses;
  }

 private:
  struct Owner {
    Sequence* sequence;
    int64_t rows;
    int64_t wanted;
  };
  Network& n_;
  KvCache cache_;
  MtpDrafter drafter_;
  Batch batch_;
  std::vector<Owner> owners_;
};

// All of the text known, its last token not computed: what a run of its own guesses.
std::vector<int32_t> expected_guesses(Network& n, const Sequence& like, int64_t wanted) {
  Sequence s = like;
  s.computed = 0;
  s.blocks = {0, 1, 2, 3};
  Steps steps(n, 4);
  steps.add(s, s.prompt_length, {}, 0);
  steps.run();
  if (s.computed == s.length() - 1) s.computed = 0;  // no answer yet: once more, with a guess
  steps.add(s, s.length() - 1 - s.computed, {}, wanted);
  return steps.run()[0];
}

TEST(MtpDrafter, GuessesAreThoseOfAFreshRun) {
  Network n;
  std::mt19937 random(3);
  const auto below = [&](int64_t limit) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(limit));
  };
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(round);
    std::vector<Sequence> sequences(1 + random() % 3);
    Steps steps(n, 12);
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence& s = sequences[i];
      s.tokens = random_text(random, 20 + below(150));
      s.prompt_length = 1 + below(s.length() - 1);
      for (int32_t b = 0; b < 4; ++b) s.blocks.push_back(static_cast<int32_t>(4 * i) + b);
    }
    std::vector<std::vector<int32_t>> found(sequences.size());
    for (bool more = true; more;) {
      more = false;
      std::vector<size_t> moved;
      for (size_t i = 0; i < sequences.size(); ++i) {
        Sequence& s = sequences[i];
        const int64_t left = std::min(s.pending(), s.length() - 1 - s.computed);
        if (left == 0) continue;
        if (random() % 16 == 0 && s.computed > 0) s.computed = 0;  // taken back
        const int64_t pending = std::min(s.pending(), s.length() - 1 - s.computed);
        const int64_t rows = 1 + below(std::min<int64_t>(pending, 40));
        const auto wrong = s.in_prompt() ? std::vector<int32_t>() : random_text(random, below(4));
        steps.add(s, rows, wrong, 2);
        moved.push_back(i);
        more = true;
      }
      if (moved.empty()) break;
      const auto guesses = steps.run();
      for (size_t i = 0; i < moved.size(); ++i) found[moved[i]] = guesses[i];
    }
    for (size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_EQ(found[i].size(), 2u);
      EXPECT_EQ(found[i], expected_guesses(n, sequences[i], 2)) << "sequence " << i;
    }
  }
}

// An answer that has ended has no token behind its last row, and needs no guess.
TEST(MtpDrafter, TheLastRowOfAnEndedAnswerIsLeftOut) {
  Network n;
  Sequence s;
  s.tokens = {3, 1, 4, 1, 5};
  s.prompt_length = 5;
  s.blocks = {0};
  Steps steps(n, 1);
  steps.add(s, 5, {}, 0);
  EXPECT_TRUE(steps.run()[0].empty());
  s.tokens = {3};
  s.prompt_length = 1;
  s.computed = 0;
  steps.add(s, 1, {}, 1);
  EXPECT_TRUE(steps.run()[0].empty()) << "no row to guess from";
}

// The layer can't write behind the last block: it stops there.
TEST(MtpDrafter, StopsWhereTheBlocksEnd) {
  Network n;
  std::mt19937 random(5);
  for (const int64_t length : {62, 63, 64, 65}) {
    Sequence s;
    s.tokens = random_text(random, length);
    s.prompt_length = length;
    s.blocks = {0};
    Steps steps(n, 1);
    steps.add(s, length - 1, {}, 5);
    const auto room = static_cast<size_t>(std::min<int64_t>(5, kKvBlockTokens - length + 2));
    EXPECT_EQ(steps.run()[0].size(), room) << length;
  }
}

}  // namespace
}  // namespace hearth
