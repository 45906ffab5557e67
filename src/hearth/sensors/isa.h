// Instruction sets that this CPU has and that the operating system lets programs use.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

struct IsaFeatures {
  // x86-64
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx_vnni = false;  // 8-bit dot product in 256 bits, without AVX-512
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512dq = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  // aarch64
  bool neon = false;
  bool fp16 = false;     // half-precision vector arithmetic
  bool dotprod = false;  // 8-bit dot product
  bool i8mm = false;
  bool bf16 = false;
  bool sve = false;

  std::string to_string() const;  // "avx2 fma f16c"; "none" without any
};

// Of this CPU. Cheap (a few instructions); no state.
IsaFeatures detect_isa();

// What detect_isa reads, apart so that tests can describe other CPUs.
struct Cpuid {
  uint32_t leaf_1_ecx = 0;
  uint32_t leaf_7_ebx = 0;
  uint32_t leaf_7_ecx = 0;
  uint32_t leaf_7_1_eax = 0;
  uint64_t xcr0 = 0;  // register states that the system saves; 0 without OSXSAVE
};
IsaFeatures isa_from_cpuid(const Cpuid& cpuid);
IsaFeatures isa_from_hwcaps(uint64_t hwcap, uint64_t hwcap2);  // aarch64 Linux auxiliary vector

}  // namespace hearth
