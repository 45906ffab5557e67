// The arithmetic peaks that exist once per instruction set: loops that do nothing but multiply and
// add in registers. As with the kernels, this header is all that those objects share with the rest
// of Hearth, and none of them defines anything but its table.
#pragma once

#include <cstdint>

namespace hearth::peak {

// `run(n)` computes n * `ops` operations; a multiplication and an addition count as two.
struct Loop {
  int64_t ops = 0;
  void (*run)(int64_t iterations) = nullptr;  // null: not with this instruction set
};

struct LoopTable {
  const char* name;
  Loop f32;
  Loop int8;  // products of 8-bit numbers summed in 32 bits
  Loop bf16;
};

namespace isa_scalar {
const LoopTable& table();
}
#if defined(__x86_64__)
namespace isa_avx2 {
const LoopTable& table();
}
namespace isa_avx_vnni {
const LoopTable& table();
}
namespace isa_avx512 {
const LoopTable& table();
}
namespace isa_avx512_vnni {
const LoopTable& table();
}
namespace isa_avx512_bf16 {
const LoopTable& table();
}
#elif defined(__aarch64__)
namespace isa_neon {
const LoopTable& table();
}
namespace isa_dotprod {
const LoopTable& table();
}
#endif

}  // namespace hearth::peak
