// The bundled model on the CUDA backend, emulated or on a device: the CPU's tokens, alone and in a
// batch, and so again when a step is replayed from its recording.
#include <gtest/gtest.h>

#include <filesystem>

#include "golden_run.h"
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/engine/testing.h"
#include "hearth/engine/text_model.h"

namespace hearth {
namespace {

using test::Answer;

// Away from the sources (tools/gpu-check) it lies where the test is started.
std::string mini() {
  return std::filesystem::exists("assets/mini") ? "assets/mini" : HEARTH_SOURCE_DIR "/assets/mini";
}

// Greedy answers to the questions, to their end, all of one batch.
std::vector<std::vector<int32_t>> answers(Backend& backend, std::span<const char* const> questions,
                                          std::optional<Format> dtype, int64_t tokens) {
  LoadOptions options;
  options.dtype = dtype;
  const auto model = TextModel::load(mini(), backend, options);
  CHECK(model.has_value());
  EngineOptions settings;
  settings.context = 256;
  settings.kv_blocks = 16;
  Engine engine((*model)->model(), backend, settings, (*model)->banned());
  std::vector<Answer> found(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    ChatRequest chat;
    chat.messages = Json::array({{{"role", "user"}, {"content", questions[i]}}});
    const auto prompt = (*model)->chat(chat);
    CHECK(prompt.has_value());
    TokenRequest request;
    request.prompt = prompt->ids;
    request.max_tokens = tokens;
    request.stop_ids = (*model)->stop_ids();
    request.sampling.temperature = 0;
    const auto submitted = engine.submit(request, test::into(found[i]));
    EXPECT_TRUE(submitted.has_value());
  }
  while (!engine.idle()) engine.step();
  EXPECT_EQ(engine.health().message(), "");
  std::vector<std::vector<int32_t>> tokens_of;
  for (Answer& answer : found) tokens_of.push_back(std::move(answer.tokens));
  return tokens_of;
}

class CudaModel : public testing::TestWithParam<std::optional<Format>> {};

TEST_P(CudaModel, SaysWhatTheCpuSays) {
  auto cuda = CudaBackend::open();
  if (!cuda) GTEST_SKIP() << cuda.status().message();
  const bool emulated = (*cuda)->facts().name == "emulator";
  CpuBackend cpu(2, *cpu::available_tables().front());
  const char* questions[] = {"12+7=?", "48291+7734=?", "37*48=?"};
  const int64_t tokens = emulated ? 6 : 200;
  const auto expected = answers(cpu, questions, GetParam(), tokens);
  EXPECT_EQ(answers(**cuda, questions, GetParam(), tokens), expected);
  if (emulated) return;
  for (size_t i = 0; i < std::size(questions); ++i) {
    EXPECT_EQ(answers(**cuda, {&questions[i], 1}, GetParam(), tokens)[0], expected[i]);
  }
}

// The layer for multi-token prediction runs over the same verbs.
TEST(CudaMtp, SaysWhatTheReferenceSays) {
  const std::string path = golden::kDirectory + "/deepseek_v3_mtp";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "away from the sources";
  auto cuda = CudaBackend::open();
  if (!cuda) GTEST_SKIP() << cuda.status().message();
  auto file = Safetensors::open(path + "/golden.safetensors");
  ASSERT_TRUE(file.has_value()) << file.status().message();
  const auto opened = golden::open_model(path, **cuda, golden::with_mtp());
  ASSERT_TRUE(opened);
  const auto ids = golden::ids_of(*file, "input_ids");
  const golden::Rows found = golden::run_mtp(*opened->loaded.model, **cuda, ids, 64);
  EXPECT_LE(golden::compare(found, 0, golden::rows_of(*file, "mtp_logits")), 0.01);
}

INSTANTIATE_TEST_SUITE_P(Formats, CudaModel,
                         testing::Values(std::nullopt, Format::q8_0, Format::q4_k),
                         [](const auto& info) {
                           return std::string(info.param ? format_info(*info.param).name
                                                         : "as_stored");
                         });

}  // namespace
}  // namespace hearth
