// What a model's own files may say about how to run it: outside input, compared with the model.
#include "hearth/engine/text_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "hearth/backend/reference/reference_backend.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// A copy of the bundled model whose generation_config.json is `config`.
std::unique_ptr<TextModel> model_with(const std::string& config, Backend& backend) {
  const fs::path folder =
      fs::path(testing::TempDir()) / fmt::format("hearth_text_model_{}", ::getpid());
  fs::remove_all(folder);
  fs::copy(HEARTH_SOURCE_DIR "/assets/mini", folder);
  fs::remove(folder / "generation_config.json");
  std::ofstream(folder / "generation_config.json") << config;
  auto model = TextModel::load(folder, backend, {});
  fs::remove_all(folder);
  EXPECT_TRUE(model.has_value()) << model.status().message();
  return model ? *std::move(model) : nullptr;
}

TEST(TextModel, StopsOnlyAtTokensOfItsVocabulary) {
  ReferenceBackend backend{Activation::f32};
  const auto plain = model_with(R"({"eos_token_id":1})", backend);
  ASSERT_NE(plain, nullptr);
  const int64_t vocab = plain->model().info().vocab_size;
  const auto model = model_with(
      fmt::format(R"({{"eos_token_id":[3,{},{},16777215]}})", vocab - 1, vocab), backend);
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> expected = {1, 3, static_cast<int32_t>(vocab - 1)};
  EXPECT_EQ(model->stop_ids(), expected);
  EXPECT_EQ(model_with(R"({"eos_token_id":16777215})", backend)->stop_ids(), plain->stop_ids());
}

}  // namespace
}  // namespace hearth
