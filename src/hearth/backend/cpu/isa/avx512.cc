// The CPU kernels for avx512; compiled with that instruction set's flags, and alone in its
// namespace.
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/formats/grids/grid_words.h"
#if defined(__x86_64__)

// Outside the namespace below: the vec header includes it again, to no effect.
#include <immintrin.h>

namespace hearth::cpu::isa_avx512 {
namespace {

// The lanes first, then the kernels written on them.
#include "hearth/backend/cpu/isa/vec_avx512.h"

#include "hearth/backend/cpu/isa/kernels.inc"

#include "hearth/backend/cpu/isa/float_gemm.inc"

#include "hearth/backend/cpu/isa/f8_gemm.inc"

#include "hearth/backend/cpu/isa/softmax.inc"

#include "hearth/backend/cpu/isa/int8_formats.inc"

#include "hearth/backend/cpu/isa/grid_formats.inc"

#include "hearth/backend/cpu/isa/int8_kernels.inc"

#include "hearth/backend/cpu/isa/latents.inc"

constexpr const char* kIsaName = "avx512";
#include "hearth/backend/cpu/isa/table.inc"

}  // namespace

const KernelTable& table() {
  return kTable;
}

}  // namespace hearth::cpu::isa_avx512
#endif
