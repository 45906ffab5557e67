// Features from recorded CPUID leaves and auxiliary vectors of real machines.
#include "hearth/sensors/isa.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

// Zen 4: everything on.
constexpr Cpuid kZen4{0x7EF8320B, 0xF1BF97A9, 0x00405FCE, 0x00000020, 0xE7};
// Haswell: AVX2 without AVX-512.
constexpr Cpuid kHaswell{0x7FFAFBFF, 0x000027AB, 0, 0, 0x07};

TEST(Isa, Zen4) {
  EXPECT_EQ(isa_from_cpuid(kZen4).to_string(),
            "avx2 fma f16c avx512f avx512bw avx512vl avx512dq avx512_vnni avx512_bf16");
}

TEST(Isa, Haswell) {
  EXPECT_EQ(isa_from_cpuid(kHaswell).to_string(), "avx2 fma f16c");
}

// The CPU can, but the system does not save the registers.
TEST(Isa, SystemMustSaveTheRegisters) {
  Cpuid id = kZen4;
  id.xcr0 = 0x07;
  EXPECT_EQ(isa_from_cpuid(id).to_string(), "avx2 fma f16c");
  id.xcr0 = 0x03;
  EXPECT_EQ(isa_from_cpuid(id).to_string(), "none");
  id.xcr0 = 0;
  EXPECT_EQ(isa_from_cpuid(id).to_string(), "none");
}

TEST(Isa, RaspberryPi) {
  EXPECT_EQ(isa_from_hwcaps(0x8FF, 0).to_string(), "neon");                  // Pi 4, Cortex-A72
  EXPECT_EQ(isa_from_hwcaps(0x119FFF, 0).to_string(), "neon fp16 dotprod");  // Pi 5, Cortex-A76
}

TEST(Isa, ThisCpuAnswers) {
  EXPECT_FALSE(detect_isa().to_string().empty());
}

}  // namespace
}  // namespace hearth
