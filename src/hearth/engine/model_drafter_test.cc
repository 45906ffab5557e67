// A smaller model guesses. One that is the model itself must always be right, whatever happens to
// the blocks that both share the numbers of: that holds its bookkeeping to the bit.
#include "hearth/engine/model_drafter.h"

#include <gtest/gtest.h>

#include <random>

#include "hearth/engine/testing.h"

namespace hearth {
namespace {

using test::Answer;
using test::into;

using Network = test::Network<>;

constexpr int64_t kRequests = 14;

// Prompts of up to three blocks, some of which begin alike, with answers of up to three more.
std::vector<TokenRequest> greedy_requests(int64_t vocab) {
  std::mt19937 random(7);
  const auto below = [&](int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  };
  std::vector<int32_t> common(100);
  for (int32_t& id : common) id = static_cast<int32_t>(below(vocab));
  std::vector<TokenRequest> requests(kRequests);
  for (TokenRequest& r : requests) {
    r.prompt.assign(common.begin(), common.begin() + (below(2) ? 1 + below(100) : 0));
    for (int64_t more = 1 + below(60); more > 0; --more) {
      r.prompt.push_back(static_cast<int32_t>(below(vocab)));
    }
    r.max_tokens = 1 + below(140);
    r.sampling.temperature = 0;
  }
  return requests;
}

struct Outcome {
  std::vector<Answer> answers;
  DraftStats drafts;
  int64_t preemptions = 0;
};

// They arrive one by one, while others run.
Outcome run(Network& n, const std::vector<TokenRequest>& requests, const EngineOptions& options) {
  Engine engine(*n.loaded.model, n.backend, options, {});
  EXPECT_TRUE(engine.health().is_ok());
  Outcome out;
  out.answers.resize(requests.size());
  size_t next = 0;
  for (int64_t step = 0; next < requests.size() || !engine.idle(); ++step) {
    if (next < requests.size() && (step % 2 == 0 || engine.idle())) {
      EXPECT_TRUE(engine.submit(requests[next], into(out.answers[next])).has_value());
      ++next;
    }
    engine.step();
  }
  out.drafts = engine.draft_stats();
  out.preemptions = engine.stats().preemptions;
  return out;
}

class ModelDrafters : public testing::TestWithParam<const char*> {};

TEST_P(ModelDrafters, TheModelItselfIsAlwaysRight) {
  Network n(GetParam());
  const auto requests = greedy_requests(n.vocab());
  EngineOptions options;
  options.context = 320;
  options.kv_blocks = 6;  // of two sequences that grow
  options.limits.batch_tokens_max = 48;
  const Outcome plain = run(n, requests, options);
  options.draft_model = n.loaded.model.get();
  options.drafts_always = true;
  options.drafts_max = 3;
  const Outcome guessed = run(n, requests, options);
  EXPECT_GT(guessed.preemptions, 0) << "no blocks were lost";
  EXPECT_EQ(guessed.answers, plain.answers);
  EXPECT_GT(guessed.drafts.drafted, 3 * kRequests);
  EXPECT_EQ(guessed.drafts.accepted, guessed.drafts.drafted);
}

INSTANTIATE_TEST_SUITE_P(All, ModelDrafters, testing::Values("deepseek_v3", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

// Another network, with weights of its own: its guesses are wrong, and nothing else.
TEST(ModelDrafter, AnotherModelChangesNoToken) {
  Network n("qwen3");
  Checkpoint stored = *Checkpoint::open(HEARTH_SOURCE_DIR "/tests/golden/llama");
  const LoadedModel other = *load_model(stored, n.backend, {});
  const auto requests = greedy_requests(std::min(n.vocab(), other.model->info().vocab_size));
  EngineOptions options;
  options.context = 320;
  const Outcome plain = run(n, requests, options);
  options.draft_model = other.model.get();
  options.drafts_always = true;
  const Outcome guessed = run(n, requests, options);
  EXPECT_EQ(guessed.answers, plain.answers);
  EXPECT_GT(guessed.drafts.drafted, guessed.drafts.accepted);
}

}  // namespace
}  // namespace hearth
