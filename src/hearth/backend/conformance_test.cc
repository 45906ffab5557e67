// Conformance: every verb x backend x weight format x odd shape. The reference says what is right;
// each instruction set with one and with three threads must agree within the bound that the
// arithmetic allows, agree with each other to the bit, and give a row the same bits in every batch.
#include "hearth/backend/conformance.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/reference/reference_backend.h"

namespace hearth::conformance {
namespace {

struct Device {
  std::string name;
  std::unique_ptr<Backend> backend;
};

const std::vector<Device>& devices() {
  static const std::vector<Device> all = [] {
    std::vector<Device> made;
    for (const cpu::KernelTable* table : cpu::available_tables()) {
      for (int threads : {1, 3}) {
        made.push_back({fmt::format("{} x {}", table->name, threads),
                        std::make_unique<CpuBackend>(threads, *table)});
      }
    }
    return made;
  }();
  return all;
}

struct Case {
  VerbCase verb;
  Format format;
  int shape;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto table : {dense_cases(), gqa_cases(), mla_cases(), expert_cases()}) {
    for (const VerbCase& verb : table) {
      for (const Format format : verb.formats) {
        for (int shape = 0; shape < verb.shapes; ++shape) cases.push_back({verb, format, shape});
      }
    }
  }
  return cases;
}

Units compute(const Case& c, Backend& backend, std::optional<size_t> only = std::nullopt,
              bool bounds = false) {
  backend.begin_step();
  return c.verb.run({backend, c.format, c.shape, only, bounds});
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

void expect_within(const std::vector<float>& found, const std::vector<float>& expected,
                   const std::vector<double>& bound) {
  ASSERT_EQ(found.size(), expected.size());
  ASSERT_EQ(bound.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - expected[i]);
    // Written so that a NaN fails.
    ASSERT_TRUE(difference <= bound[i]) << "at " << i << ": expected " << expected[i] << " +- "
                                        << bound[i] << ", found " << found[i];
  }
}

class Conformance : public testing::TestWithParam<Case> {};

TEST_P(Conformance, AgreesWithTheReference) {
  ReferenceBackend reference;
  const Units expected = compute(GetParam(), reference, std::nullopt, true);
  ASSERT_FALSE(expected.found.empty());
  ASSERT_EQ(expected.found.size(), expected.bound.size());
  for (const Device& device : devices()) {
    SCOPED_TRACE(device.name);
    const Units found = compute(GetParam(), *device.backend);
    ASSERT_EQ(found.found.size(), expected.found.size());
    for (size_t u = 0; u < expected.found.size(); ++u) {
      SCOPED_TRACE(fmt::format("unit {}", u));
      ASSERT_NO_FATAL_FAILURE(expect_within(found.found[u], expected.found[u], expected.bound[u]));
    }
  }
}

TEST_P(Conformance, BitsDependOnNothingButTheUnit) {
  const Device& base = devices().front();
  const Units first = compute(GetParam(), *base.backend);
  for (const Device& device : devices()) {
    SCOPED_TRACE(device.name);
    const Units whole = compute(GetParam(), *device.backend);
    for (size_t u = 0; u < first.found.size(); ++u) {
      EXPECT_TRUE(same_bits(whole.found[u], first.found[u]))
          << "unit " << u << ": not " << base.name;
    }
  }
  const size_t last = first.found.size() - 1;
  for (const size_t u : {size_t{0}, last / 2, last}) {
    for (const Device* device : {&devices().front(), &devices().back()}) {
      SCOPED_TRACE(fmt::format("{} unit {}", device->name, u));
      const Units alone = compute(GetParam(), *device->backend, u);
      ASSERT_EQ(alone.found.size(), 1u);
      EXPECT_TRUE(same_bits(alone.found[0], first.found[u])) << "differs when alone";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Verbs, Conformance, testing::ValuesIn(all_cases()), [](const auto& info) {
  return fmt::format("{}_{}_{}", info.param.verb.verb, format_info(info.param.format).name,
                     info.param.shape);
});

}  // namespace
}  // namespace hearth::conformance
