// Where weights lie changes no bit: answers and logits of models whose routed experts come from
// their files, through caches down to a single expert, are those of the same models in memory, and
// so are those of weights that stay in the file's mapping; alone and together, with guesses, with
// shared prompts. And a file that breaks ends the answers that need it, and nothing else.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "hearth/engine/ngram_drafter.h"
#include "hearth/engine/testing.h"
#include "hearth/models/adapters/testing.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

struct Place {
  std::string path;
  Activation activation = Activation::automatic;
  int threads = 1;
  ExpertCacheOptions experts;  // bytes of 0: all in memory
  bool mapped = false;
};

struct Network {
  explicit Network(const Place& place)
      : backend(place.threads, *cpu::available_tables().front(), place.activation, place.experts,
                place.mapped) {
    auto opened = Checkpoint::open(place.path);
    CHECK(opened.has_value());
    checkpoint = std::make_unique<Checkpoint>(*std::move(opened));
    LoadOptions options;
    options.hints.mtp = true;
    options.experts_from_disk = place.experts.bytes > 0;
    auto made = load_model(*checkpoint, backend, options);
    EXPECT_TRUE(made.has_value()) << made.status().message();
    loaded = *std::move(made);
  }
  const Model& model() const { return *loaded.model; }
  // What one cached expert takes.
  int64_t expert_bytes() const {
    int64_t bytes = 0, most = 0;
    int parts = 0;
    model().visit_weights([&](const TensorSpec& spec, const Weight& weight) {
      if (spec.expert < 0) return;
      bytes += held_matrix_bytes(weight.tensor);
      if (++parts % 3 == 0) most = std::max(most, std::exchange(bytes, 0));
    });
    return cached_expert_bytes(most);
  }

  CpuBackend backend;
  std::unique_ptr<Checkpoint> checkpoint;
  LoadedModel loaded;
};

struct Answer : test::Answer {
  std::vector<std::vector<float>> logits;
};

std::vector<TokenRequest> some_requests(int64_t vocab, uint32_t seed, int count) {
  std::mt19937 random(seed);
  const auto below = [&](int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  };
  std::vector<int32_t> common(150);
  for (int32_t& id : common) id = static_cast<int32_t>(below(vocab));
  std::vector<TokenRequest> requests(static_cast<size_t>(count));
  for (TokenRequest& r : requests) {
    r.prompt.assign(common.begin(), common.begin() + 60 + below(40));
    for (int64_t i = below(20); i >= 0; --i) {
      r.prompt.push_back(static_cast<int32_t>(below(vocab)));
    }
    r.max_tokens = 1 + below(10);
    r.sampling.temperature = below(2) ? 0 : 0.9;
    r.sampling.seed = random();
  }
  return requests;
}

std::vector<Answer> answers(Network& n, const std::vector<TokenRequest>& requests,
                            int64_t batch_tokens, bool guesses) {
  EngineOptions options;
  options.context = 256;
  options.kv_blocks = 24;
  options.limits.batch_tokens_max = batch_tokens;
  options.limits.sequences_max = 4;
  options.drafts_always = true;
  options.drafts_max = 3;
  options.mtp = guesses && n.model().has_mtp();
  if (guesses && !options.mtp) {
    options.make_drafter = [] { return std::make_unique<NgramDrafter>(); };
  }
  Engine engine(n.model(), n.backend, options, {});
  std::vector<Answer> out(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    TokenSink sink = test::into(out[i]);
    sink.on_token_logits = [&out, i](std::span<const float> row) {
      out[i].logits.emplace_back(row.begin(), row.end());
    };
    EXPECT_TRUE(engine.submit(requests[i], sink).has_value());
  }
  while (!engine.idle()) engine.step();
  return out;
}

void expect_same(const std::vector<Answer>& found, const std::vector<Answer>& expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(found[i].reason, expected[i].reason) << i;
    ASSERT_EQ(found[i].tokens, expected[i].tokens) << i;
    for (size_t t = 0; t < expected[i].logits.size(); ++t) {
      const auto& a = found[i].logits[t];
      const auto& b = expected[i].logits[t];
      ASSERT_EQ(std::memcmp(a.data(), b.data(), 4 * b.size()), 0) << "answer " << i << ", " << t;
    }
  }
}

struct Case {
  std::string name;          // of a file or folder; "mini": the bundled model
  std::string architecture;  // else a random one
  Format format = Format::bf16;
  bool mtp = false;
  Activation activation = Activation::automatic;
  int layers = 2;  // one of them with experts; with more, they are read ahead, too
};

class ExpertsOnDisk : public testing::TestWithParam<Case> {};

TEST_P(ExpertsOnDisk, GiveTheBitsOfExpertsInMemory) {
  const Case& c = GetParam();
  const test::AdapterFolder folder;
  Place place{HEARTH_SOURCE_DIR "/assets/mini", c.activation, 1, {}};
  if (c.name != "mini") {
    TinyOptions tiny;
    tiny.architecture = c.architecture;
    tiny.format = c.format;
    tiny.mtp = c.mtp;
    tiny.config = *tiny_config(c.architecture);
    (*tiny.config)["num_hidden_layers"] = c.layers;
    place.path = folder / c.name;
    const auto written = write_tiny(place.path, tiny);
    ASSERT_TRUE(written.has_value()) << written.status().message();
  }
  Network resident(place);
  const int64_t one = resident.expert_bytes();
  const auto requests = some_requests(resident.model().info().vocab_size, 5, 5);
  const std::vector<Answer> expected = answers(resident, requests, 64, false);
  EXPECT_FALSE(resident.backend.expert_cache_stats().active());
  place.mapped = true;
  place.threads = 2;
  Network mapped(place);
  ASSERT_NO_FATAL_FAILURE(expect_same(answers(mapped, requests, 100, true), expected)) << "mapped";
  int round = 0;
  for (const int64_t experts : {1, 5, 100}) {
    SCOPED_TRACE(experts);
    ++round;
    place.threads = 1 + round % 3;
    place.experts.bytes = experts * one;
    place.experts.readers = 1 + round * 2;
    place.experts.reads_ahead = round % 4 != 1;
    place.experts.past_cache = round % 2 == 0;
    place.mapped = round == 2;
    Network disk(place);
    EXPECT_LT(disk.loaded.weight_bytes, resident.loaded.weight_bytes);
    EXPECT_EQ(disk.loaded.weight_bytes + disk.loaded.disk_bytes, resident.loaded.weight_bytes);
    for (const bool guesses : {false, true}) {
      const auto found = answers(disk, requests, guesses ? 17 : 64, guesses);
      ASSERT_NO_FATAL_FAILURE(expect_same(found, expected));
    }
    const ExpertCacheStats stats = disk.backend.expert_cache_stats();
    EXPECT_LE(stats.held_bytes, stats.budget_bytes);
    EXPECT_GT(stats.misses, 0);
    EXPECT_GT(stats.bytes_read, 0);
    EXPECT_LE(stats.ahead_used, stats.ahead_reads);
    if (c.layers > 2) {
      EXPECT_EQ(stats.ahead_reads > 0, place.experts.reads_ahead && experts < 24) << experts;
    }
    if (experts == 1) {
      EXPECT_LT(stats.hit_rate(), 0.6);
    }
    if (experts == 100) {
      EXPECT_GT(stats.hit_rate(), 0.2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Checkpoints, ExpertsOnDisk,
    testing::Values(Case{"mini", ""}, Case{"v3_q8_0.gguf", "deepseek_v3", Format::q8_0},
                    Case{"v3_q4_k.gguf", "deepseek_v3", Format::q4_k, false, Activation::automatic,
                         4},
                    Case{"v3_f32.gguf", "deepseek_v3", Format::f32},
                    Case{"v3_iq2_xxs.gguf", "deepseek_v3", Format::iq2_xxs},
                    Case{"v3_mtp", "deepseek_v3", Format::bf16, true, Activation::automatic, 3},
                    Case{"v3_fp8", "deepseek_v3", Format::f8_e4m3},
                    Case{"v2_q6_k.gguf", "deepseek_v2", Format::q6_k},
                    Case{"v3_q4_k_f32.gguf", "deepseek_v3", Format::q4_k, false, Activation::f32}),
    [](const auto& info) {
      std::string name = info.param.name;
      for (char& ch : name) ch = std::isalnum(ch) ? ch : '_';
      return name;
    });

// A file that is cut under way: what needs its end fails with the reason, the engine lives, and
// what is cached goes on.
TEST(ExpertsOnDisk, AFileThatIsCutFailsAnswersAndNoMore) {
  const test::AdapterFolder folder;
  TinyOptions tiny;
  tiny.architecture = "deepseek_v3";
  tiny.format = Format::q8_0;
  Place place{folder / "model.gguf", Activation::automatic, 2, {}};
  ASSERT_TRUE(write_tiny(place.path, tiny).has_value());
  Network resident(place);
  place.experts.bytes = 3 * resident.expert_bytes();
  Network disk(place);
  const auto requests = some_requests(resident.model().info().vocab_size, 6, 2);
  const auto before = answers(disk, {requests[0]}, 64, false);
  EXPECT_NE(before[0].reason, FinishReason::failed);

  // The mapped pages that the resident weights need stay in memory: only the length is seen.
  std::error_code failed;
  const auto size = fs::file_size(place.path);
  fs::resize_file(place.path, size + 4096, failed);
  ASSERT_FALSE(failed);
  Engine engine(disk.model(), disk.backend, {}, {});
  Answer answer;
  ASSERT_TRUE(engine.submit(requests[1], test::into(answer)).has_value());
  while (!engine.idle()) engine.step();
  EXPECT_EQ(answer.reason, FinishReason::failed);
  EXPECT_EQ(engine.failure().code(), Code::corrupt);
  EXPECT_NE(engine.failure().message().find("model.gguf: changed while in use"), std::string::npos)
      << engine.failure().message();
  EXPECT_TRUE(engine.health().is_ok());
}

TEST(ExpertsOnDisk, ABackendThatKeepsAllExpertsSaysSo) {
  const test::AdapterFolder folder;
  TinyOptions tiny;
  tiny.architecture = "deepseek_v3";
  ASSERT_TRUE(write_tiny(folder / "model", tiny).has_value());
  const auto checkpoint = Checkpoint::open(folder / "model");
  ASSERT_TRUE(checkpoint.has_value());
  test::OneThread backend;  // without a cache of experts
  LoadOptions options;
  options.experts_from_disk = true;
  const auto loaded = load_model(*checkpoint, backend, options);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.status().code(), Code::unsupported);
}

// --dtype is for what is in memory: experts stay in their file as they are, and the user is told.
TEST(ExpertsOnDisk, KeepTheirStoredFormatUnderAnotherDtype) {
  const std::string path = HEARTH_SOURCE_DIR "/assets/mini";
  auto checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.has_value());
  CpuBackend backend(1, *cpu::available_tables().front(), Activation::automatic,
                     {.bytes = 4 << 20});
  LoadOptions options;
  options.experts_from_disk = true;
  options.dtype = Format::q8_0;
  const auto loaded = load_model(*checkpoint, backend, options);
  ASSERT_TRUE(loaded.has_value()) << loaded.status().message();
  ASSERT_EQ(loaded->notices.size(), 1u);
  EXPECT_NE(loaded->notices[0].find("24 matrices of routed experts keep their stored format"),
            std::string::npos)
      << loaded->notices[0];
}

}  // namespace
}  // namespace hearth
