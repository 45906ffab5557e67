// See contenders.h.
#include "hearth/engine/contenders.h"

#include <vector>

#include "hearth/guard/watermark/contexts.h"
#include "hearth/sensors/isa.h"

namespace hearth {
namespace {

// Vectors of a number of bytes.
template <size_t kBytes>
struct Vectors {
  typedef uint64_t Words __attribute__((vector_size(kBytes)));  // gcc takes no such `using`
  typedef double Reals __attribute__((vector_size(kBytes)));
  static constexpr size_t kLanes = kBytes / sizeof(double);
};

// A token loses where -log(u) >= exp(logit - most). With y = most - logit that is so where 1 - u,
// which is at most -log(u), is at least 1 / (1 + y + y^2 / 2 + y^3 / 6 + y^4 / 24), which is at
// least exp(-y) for y >= 0. The margin is far more than what the logarithms are rounded by.
template <typename V>
[[gnu::always_inline]] inline uint32_t bound(const SipHash& place, int32_t first,
                                             const double* logits, double most) {
  using Words = typename V::Words;
  using Reals = typename V::Reals;
  uint64_t out = 0;
  for (size_t at = 0; at < kContendersAtOnce; at += V::kLanes) {
    Words ids, numbers, bits;
    Reals y;
    for (size_t i = 0; i < V::kLanes; ++i) {
      ids[i] = static_cast<uint32_t>(first) + at + i;
      bits[i] = uint64_t{1} << (at + i);
      y[i] = most - logits[at + i];
    }
    place.finish_each(ids, watermark::kTokenBytes, numbers);
    // 1 - u, exactly: the bits of 1 + (number >> 12) / 2^52 are at hand. See open_unit().
    const Reals left = 2 - (Reals)(numbers >> 12 | 0x3FF0000000000000u) - 0x1.0p-53;
    y = y > Reals{} ? y : Reals{};  // 0 for what is no number, too
    const Reals series = 1 + y * (1 + y * (1. / 2 + y * (1. / 6 + y * (1. / 24))));
    const Words kept = bits & ~(Words)(left * series >= 1 + 1e-9);
    for (size_t i = 0; i < V::kLanes; ++i) out |= kept[i];
  }
  return static_cast<uint32_t>(out);
}

uint32_t plain(const SipHash& place, int32_t first, const double* logits, double most) {
  return bound<Vectors<16>>(place, first, logits, most);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] uint32_t avx2(const SipHash& place, int32_t first, const double* logits,
                                      double most) {
  return bound<Vectors<32>>(place, first, logits, most);
}

[[gnu::target("avx512f")]] uint32_t avx512(const SipHash& place, int32_t first,
                                           const double* logits, double most) {
  return bound<Vectors<64>>(place, first, logits, most);
}
#endif

}  // namespace

std::span<Contenders* const> all_contenders() {
  static const std::vector<Contenders*> here = [] {
    std::vector<Contenders*> out = {plain};
#if defined(__x86_64__)
    const IsaFeatures isa = detect_isa();
    if (isa.avx2) out.push_back(avx2);
    if (isa.avx512f) out.push_back(avx512);
#endif
    return out;
  }();
  return here;
}

}  // namespace hearth
