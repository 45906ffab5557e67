// Arithmetic peaks of the instructions that every machine of the family has: plain loops, as the
// compiler turns them into its baseline's vectors.
#include "hearth/sensors/peak/loops.h"

namespace hearth::peak::isa_scalar {
namespace {

constexpr int kLanes = 64;

void run_f32(int64_t iterations) {
  float a[kLanes], b[kLanes], sum[kLanes] = {};
  for (int i = 0; i < kLanes; ++i) a[i] = b[i] = 0.5f;
  for (int64_t n = 0; n < iterations; ++n) {
    __asm__ volatile("" : : "r"(a), "r"(b) : "memory");  // the numbers could be others now
    for (int i = 0; i < kLanes; ++i) sum[i] += a[i] * b[i];
  }
  __asm__ volatile("" : : "r"(sum) : "memory");
}

void run_int8(int64_t iterations) {
  int8_t a[kLanes], b[kLanes];
  for (int i = 0; i < kLanes; ++i) a[i] = b[i] = 1;
  uint32_t sum = 0;
  for (int64_t n = 0; n < iterations; ++n) {
    __asm__ volatile("" : : "r"(a), "r"(b) : "memory");
    for (int i = 0; i < kLanes; ++i) sum += static_cast<uint32_t>(a[i] * b[i]);
  }
  __asm__ volatile("" : : "r"(sum));
}

constexpr LoopTable kTable = {"scalar", {2 * kLanes, run_f32}, {2 * kLanes, run_int8}, {}};

}  // namespace

const LoopTable& table() {
  return kTable;
}

}  // namespace hearth::peak::isa_scalar
