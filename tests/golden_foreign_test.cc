// Directories that other tools quantised: their logits must be those of float32 transformers over
// the tools' own dequantisation, on the reference and on every instruction set.
#include <gtest/gtest.h>

#include "golden_run.h"
#include "hearth/backend/make_backend.h"

namespace hearth::golden {
namespace {

struct Case {
  const char* name;
  double tolerance;  // of the largest logit; kTolerance where the weights are held without loss
};

const Case kCases[] = {
    {"fp8_tensor", kTolerance},
    {"fbgemm_fp8", 0.02},
    {"ct_fp8_channel", 0.02},
    {"awq_g32", 0.003},
    {"awq_g64", 0.003},
    {"gptq4_sym_v1", kTolerance},
    {"gptq4_asym_v2", 0.003},
    {"gptq4_asym_v1_permuted", 0.02},
    {"gptq8_sym_whole", kTolerance},
    {"gptq8_asym_v2", 0.02},
    {"bnb_int8", 0.002},
    {"bnb_nf4_nested", 0.02},
    {"bnb_fp4", 0.02},
    {"ct_pack4_sym", kTolerance},
    {"ct_pack4_asym", 0.003},
    {"ct_int8_channel", kTolerance},
};

class ForeignGolden : public testing::TestWithParam<Case> {
 protected:
  void check(Backend& backend, const LoadOptions& options, double tolerance) {
    const std::string dir = kDirectory + "/foreign/" + GetParam().name;
    auto golden = Safetensors::open(dir + "/golden.safetensors");
    ASSERT_TRUE(golden.has_value()) << golden.status().message();
    const auto opened = open_model(dir, backend, options);
    ASSERT_TRUE(opened);
    const Outcome out = run(*opened->loaded.model, backend, ids_of(*golden, "input_ids"), 0, 512);
    const double error = difference(out.logits, 0, rows_of(*golden, "logits"));
    EXPECT_LE(error, tolerance);
    RecordProperty("relative_error", std::to_string(error));
  }
};

TEST_P(ForeignGolden, ReferenceMatchesTransformers) {
  BackendOptions options;
  options.device = "reference";
  options.activation = Activation::f32;
  auto backend = make_backend(options);
  check(**backend, {}, GetParam().tolerance);
}

TEST_P(ForeignGolden, EveryInstructionSetMatchesTransformers) {
  for (const cpu::KernelTable* table : cpu::available_tables()) {
    SCOPED_TRACE(table->name);
    CpuBackend backend(2, *table, Activation::f32);
    check(backend, {}, GetParam().tolerance);
  }
}

// --dtype decodes the stored weights themselves, never what they would have been held as.
TEST_P(ForeignGolden, FloatsKeepWhatTheFileMeans) {
  CpuBackend backend(2, *cpu::available_tables().back(), Activation::f32);
  LoadOptions options;
  options.dtype = Format::f32;
  check(backend, options, kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Schemes, ForeignGolden, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace hearth::golden
