// The CPU kernels for NEON with the dot-product extension (ARMv8.2, Raspberry Pi 5), from the same
// source as those for NEON.
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/formats/grids/grid_words.h"
#if defined(__aarch64__)

// Outside the namespace below: the vec header includes it again, to no effect.
#include <arm_neon.h>

namespace hearth::cpu::isa_neondot {
namespace {

// The lanes first, then the kernels written on them.
#include "hearth/backend/cpu/isa/vec_neon.h"

#include "hearth/backend/cpu/isa/kernels.inc"

#include "hearth/backend/cpu/isa/float_gemm.inc"

#include "hearth/backend/cpu/isa/f8_gemm.inc"

#include "hearth/backend/cpu/isa/softmax.inc"

#include "hearth/backend/cpu/isa/int8_formats.inc"

#include "hearth/backend/cpu/isa/grid_formats.inc"

#include "hearth/backend/cpu/isa/int8_kernels.inc"

#include "hearth/backend/cpu/isa/latents.inc"

constexpr const char* kIsaName = "neondot";
#include "hearth/backend/cpu/isa/table.inc"

}  // namespace

const KernelTable& table() {
  return kTable;
}

}  // namespace hearth::cpu::isa_neondot
#endif
