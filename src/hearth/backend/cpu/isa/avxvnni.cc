// The CPU kernels for AVX2 with AVX-VNNI (client CPUs since 2021), from the same source as those
// for AVX2. Untested: no machine of ours has it; the tests run it wherever one does.
#include "hearth/backend/cpu/isa/kernel_table.h"
#include "hearth/formats/grids/grid_words.h"
#if defined(__x86_64__)

// Outside the namespace below: the vec header includes it again, to no effect.
#include <immintrin.h>

namespace hearth::cpu::isa_avxvnni {
namespace {

// The lanes first, then the kernels written on them.
#include "hearth/backend/cpu/isa/vec_avx2.h"

#include "hearth/backend/cpu/isa/kernels.inc"

#include "hearth/backend/cpu/isa/float_gemm.inc"

#include "hearth/backend/cpu/isa/f8_gemm.inc"

#include "hearth/backend/cpu/isa/softmax.inc"

#include "hearth/backend/cpu/isa/int8_formats.inc"

#include "hearth/backend/cpu/isa/grid_formats.inc"

#include "hearth/backend/cpu/isa/int8_kernels.inc"

#include "hearth/backend/cpu/isa/latents.inc"

constexpr const char* kIsaName = "avxvnni";
#include "hearth/backend/cpu/isa/table.inc"

}  // namespace

const KernelTable& table() {
  return kTable;
}

}  // namespace hearth::cpu::isa_avxvnni
#endif
