// Random models in memory: every architecture in every format runs, and no two matrices share
// memory.
#include "hearth/models/tiny/random_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "hearth/backend/make_backend.h"
#include "hearth/models/tiny/tiny.h"

namespace hearth {
namespace {

std::vector<float> logits_of(const Model& model, Backend& backend) {
  KvCache cache(model.kv_spec(Format::f16), 1);
  Batch batch;
  batch.tokens = {1, 2, 3, 4, 5};
  batch.sequences.push_back({0, 5, 0, Role::prompt, {0}});
  batch.logits_rows = {4};
  backend.begin_step();
  const Tensor logits = model.forward(backend, batch, cache).logits;
  return {logits.f32().begin(), logits.f32().end()};
}

TEST(RandomModel, RunsInEveryFormat) {
  const auto backend = make_backend({"cpu", 1, ""});
  ASSERT_TRUE(backend.has_value());
  for (const std::string& architecture : tiny_architectures()) {
    for (const FormatInfo& info : kFormats) {
      RandomModelOptions options;
      options.format = info.format;
      const auto made = make_random_model(*tiny_config(architecture), **backend, options);
      ASSERT_TRUE(made.has_value()) << made.status().message();
      for (const float v : logits_of(*made->model, **backend)) {
        ASSERT_TRUE(std::isfinite(v)) << architecture << ' ' << info.name;
      }
    }
  }
}

TEST(RandomModel, GivesEveryTensorItsMemory) {
  const auto backend = make_backend({"reference", 1, ""});
  RandomModelOptions options;
  options.threads = 2;
  const auto made = make_random_model(*tiny_config("deepseek_v3"), **backend, options);
  ASSERT_TRUE(made.has_value());
  std::set<const std::byte*> places;
  int64_t bytes = 0;
  int64_t tensors = 0;
  made->model->visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (spec.name.empty()) return;
    places.insert(slot.tensor.data);
    bytes += slot.bytes();
    ++tensors;
  });
  EXPECT_EQ(static_cast<int64_t>(places.size()), tensors);
  EXPECT_EQ(bytes, made->weight_bytes);
}

TEST(RandomModel, TheSameSeedIsTheSameModel) {
  const auto backend = make_backend({"cpu", 1, ""});
  std::vector<std::vector<float>> logits;
  for (const int threads : {1, 3}) {
    RandomModelOptions options;
    options.threads = threads;
    const auto made = make_random_model(*tiny_config("qwen2"), **backend, options);
    ASSERT_TRUE(made.has_value());
    logits.push_back(logits_of(*made->model, **backend));
  }
  EXPECT_EQ(logits[0], logits[1]);
}

}  // namespace
}  // namespace hearth
