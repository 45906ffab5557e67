// The conformance cases on the CUDA backend: on the emulator everywhere, on a device where the
// tests are built for one. A machine without a device says so and skips.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "hearth/backend/conformance.h"
#include "hearth/backend/cuda/host_bridge.h"
#include "hearth/backend/reference/reference_backend.h"

namespace hearth::conformance {
namespace {

struct Case {
  VerbCase verb;
  Format format;
  int shape;
};

bool is_emulated() {
  static const bool emulated = [] {
    const auto opened = CudaBackend::open();
    return opened.has_value() && (*opened)->facts().name == "emulator";
  }();
  return emulated;
}

// One format of each storage, and of each kind of group and min that codes8 has: what the emulator,
// which takes its time, is asked to run.
constexpr Format kOfEachStorage[] = {Format::f32,  Format::f16,   Format::bf16,  Format::f8_e4m3,
                                     Format::q8_0, Format::q4_0,  Format::q4_k,  Format::q2_k,
                                     Format::q5_k, Format::iq3_s, Format::iq2_xs};

bool is_chosen(Format format) {
  return !is_emulated() || std::ranges::find(kOfEachStorage, format) != std::end(kOfEachStorage);
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto table : {dense_cases(), gqa_cases(), mla_cases(), expert_cases()}) {
    for (const VerbCase& verb : table) {
      for (const Format format : verb.formats) {
        if (!is_chosen(format)) continue;
        for (int shape = 0; shape < verb.shapes; ++shape) cases.push_back({verb, format, shape});
      }
    }
  }
  return cases;
}

class CudaConformance : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    static const Result<std::unique_ptr<CudaBackend>> probe = CudaBackend::open();
    if (!probe) GTEST_SKIP() << probe.status().message();
    if (!bridge_) {
      auto opened = CudaBackend::open();
      ASSERT_TRUE(opened.has_value());
      bridge_ = std::make_unique<cuda::HostBridge>(*std::move(opened));
    }
  }
  static void TearDownTestSuite() { bridge_.reset(); }

  static Units compute(Backend& backend, std::optional<size_t> only = std::nullopt,
                       bool bounds = false) {
    const Case& c = GetParam();
    backend.begin_step();
    return c.verb.run({backend, c.format, c.shape, only, bounds});
  }

  inline static std::unique_ptr<cuda::HostBridge> bridge_;
};

TEST_P(CudaConformance, AgreesWithTheReference) {
  ReferenceBackend reference;
  const Units expected = compute(reference, std::nullopt, true);
  const Units found = compute(*bridge_);
  ASSERT_EQ(found.found.size(), expected.found.size());
  for (size_t u = 0; u < expected.found.size(); ++u) {
    ASSERT_EQ(found.found[u].size(), expected.found[u].size());
    ASSERT_EQ(expected.bound[u].size(), expected.found[u].size());
    for (size_t i = 0; i < expected.found[u].size(); ++i) {
      const double difference =
          std::abs(static_cast<double>(found.found[u][i]) - expected.found[u][i]);
      ASSERT_TRUE(difference <= expected.bound[u][i])
          << "unit " << u << " at " << i << ": expected " << expected.found[u][i] << " +- "
          << expected.bound[u][i] << ", found " << found.found[u][i];
    }
  }
}

TEST_P(CudaConformance, BitsDependOnNothingButTheUnit) {
  const Units whole = compute(*bridge_);
  for (const size_t u : {size_t{0}, whole.found.size() - 1}) {
    const Units alone = compute(*bridge_, u);
    ASSERT_EQ(alone.found.size(), 1u);
    ASSERT_EQ(alone.found[0].size(), whole.found[u].size());
    EXPECT_EQ(std::memcmp(alone.found[0].data(), whole.found[u].data(), alone.found[0].size() * 4),
              0)
        << "unit " << u;
  }
}

INSTANTIATE_TEST_SUITE_P(Verbs, CudaConformance, testing::ValuesIn(all_cases()),
                         [](const auto& info) {
                           return fmt::format("{}_{}_{}", info.param.verb.verb,
                                              format_info(info.param.format).name,
                                              info.param.shape);
                         });

}  // namespace
}  // namespace hearth::conformance
