// See isa.h. Bit numbers: Intel SDM volume 2A, CPUID; Linux arch/arm64 uapi asm/hwcap.h.
#include "hearth/sensors/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace hearth {
namespace {

constexpr bool bit(uint64_t value, int index) {
  return (value >> index & 1) != 0;
}

#if defined(__x86_64__)
Cpuid read_cpuid() {
  Cpuid id;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return id;
  id.leaf_1_ecx = ecx;
  if (bit(ecx, 27)) {  // OSXSAVE: xgetbv may be used
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    id.xcr0 = static_cast<uint64_t>(high) << 32 | low;
  }
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return id;
  id.leaf_7_ebx = ebx;
  id.leaf_7_ecx = ecx;
  if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) id.leaf_7_1_eax = eax;
  return id;
}
#endif

}  // namespace

IsaFeatures isa_from_cpuid(const Cpuid& id) {
  constexpr uint64_t kAvxState = 0x06;     // XMM and YMM
  constexpr uint64_t kAvx512State = 0xE6;  // and opmask, upper ZMM, ZMM16-31
  const bool avx = bit(id.leaf_1_ecx, 28) && (id.xcr0 & kAvxState) == kAvxState;
  IsaFeatures isa;
  isa.avx2 = avx && bit(id.leaf_7_ebx, 5);
  isa.fma = avx && bit(id.leaf_1_ecx, 12);
  isa.f16c = avx && bit(id.leaf_1_ecx, 29);
  isa.avx_vnni = isa.avx2 && bit(id.leaf_7_1_eax, 4);
  const bool avx512 = avx && bit(id.leaf_7_ebx, 16) && (id.xcr0 & kAvx512State) == kAvx512State;
  isa.avx512f = avx512;
  isa.avx512dq = avx512 && bit(id.leaf_7_ebx, 17);
  isa.avx512bw = avx512 && bit(id.leaf_7_ebx, 30);
  isa.avx512vl = avx512 && bit(id.leaf_7_ebx, 31);
  isa.avx512_vnni = avx512 && bit(id.leaf_7_ecx, 11);
  isa.avx512_bf16 = avx512 && bit(id.leaf_7_1_eax, 5);
  return isa;
}

IsaFeatures isa_from_hwcaps(uint64_t hwcap, uint64_t hwcap2) {
  IsaFeatures isa;
  isa.neon = bit(hwcap, 1);      // HWCAP_ASIMD
  isa.fp16 = bit(hwcap, 10);     // HWCAP_ASIMDHP
  isa.dotprod = bit(hwcap, 20);  // HWCAP_ASIMDDP
  isa.sve = bit(hwcap, 22);      // HWCAP_SVE
  isa.i8mm = bit(hwcap2, 13);    // HWCAP2_I8MM
  isa.bf16 = bit(hwcap2, 14);    // HWCAP2_BF16
  return isa;
}

IsaFeatures detect_isa() {
#if defined(__x86_64__)
  return isa_from_cpuid(read_cpuid());
#elif defined(__aarch64__)
  return isa_from_hwcaps(getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
#else
  return {};
#endif
}

std::string IsaFeatures::to_string() const {
  const struct {
    bool present;
    const char* name;
  } rows[] = {{avx2, "avx2"},
              {fma, "fma"},
              {f16c, "f16c"},
              {avx_vnni, "avx_vnni"},
              {avx512f, "avx512f"},
              {avx512bw, "avx512bw"},
              {avx512vl, "avx512vl"},
              {avx512dq, "avx512dq"},
              {avx512_vnni, "avx512_vnni"},
              {avx512_bf16, "avx512_bf16"},
              {neon, "neon"},
              {fp16, "fp16"},
              {dotprod, "dotprod"},
              {i8mm, "i8mm"},
              {bf16, "bf16"},
              {sve, "sve"}};
  std::string text;
  for (const auto& row : rows) {
    if (!row.present) continue;
    if (!text.empty()) text += ' ';
    text += row.name;
  }
  return text.empty() ? "none" : text;
}

}  // namespace hearth
