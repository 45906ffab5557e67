// A step whose memory doesn't fit fails alone: the next one computes as if it had not been.
#include <gtest/gtest.h>

#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/testing.h"

namespace hearth {
namespace {

using testing_backend::make_norm;
using testing_backend::make_weight;
using testing_backend::prepared;

constexpr int64_t kColumns = 64;
constexpr int64_t kTooMany = int64_t{1} << 40;  // floats: more than any device holds

class StepMemory : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = CudaBackend::open();
    if (!opened) GTEST_SKIP() << opened.status().message();
    backend_ = *std::move(opened);
    matrix_ = {prepared(*backend_, make_weight(Format::q8_0, {32, kColumns}, 1)), {}};
    norm_ = {prepared(*backend_, make_norm(kColumns, 2).weight), 1e-6};
  }

  // Logits of a step that takes `floats` of scratch besides.
  Result<std::vector<float>> step(Role role, int64_t floats) {
    Batch batch;
    batch.tokens.push_back(0);
    batch.sequences.push_back({0, 1, 0, role, {0}});
    backend_->begin_forward(batch, cache_);
    backend_->scratch({floats});
    const std::vector<int32_t> ids = {0};
    const Tensor x = backend_->scratch({1, kColumns});
    backend_->embed_rows(table_, ids, x);
    const Tensor logits = backend_->scratch({1, 32});
    backend_->head_logits(x, norm_, matrix_, logits);
    TRY_ASSIGN(const Outputs found, backend_->end_forward({logits, {}}));
    return std::vector<float>(found.logits.f32().begin(), found.logits.f32().end());
  }

  std::unique_ptr<CudaBackend> backend_;
  Linear matrix_;
  Norm norm_;
  Weight table_;
  KvCache cache_{KvSpec{1, 32}, 1};
};

TEST_F(StepMemory, OnlyTheStepThatDoesNotFitFails) {
  auto table = backend_->prepare(make_weight(Format::f32, {1, kColumns}, 4), WeightUse::rows);
  ASSERT_TRUE(table.has_value());
  table_ = *table;
  const auto expected = step(Role::generated, 1);
  ASSERT_TRUE(expected.has_value());
  for (int i = 0; i < 4; ++i) {  // as it is, recorded, replayed: a failure amid any of them
    const auto refused = step(Role::prompt, kTooMany);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.status().code(), Code::no_memory);
    EXPECT_TRUE(refused.status().message().starts_with("memory of a step: "))
        << refused.status().message();
    for (int again = 0; again <= i; ++again) {
      const auto found = step(Role::generated, 1);
      ASSERT_TRUE(found.has_value()) << found.status().message();
      EXPECT_EQ(*found, *expected);
    }
  }
}

}  // namespace
}  // namespace hearth
