// See bandwidth.h. Timed by the host around several passes: a launch costs microseconds, a pass
// milliseconds.
#include <algorithm>
#include <chrono>

#include "hearth/backend/cuda/runtime/bandwidth.h"
#include "hearth/base/status.h"

namespace hearth::cuda {
namespace {

constexpr int64_t kBytesMax = int64_t{4} << 30;
constexpr int kPasses = 4;
constexpr int kRounds = 4;

}  // namespace

Result<double> measure_read_gb_s(Stream& stream) {
  const int64_t bytes = std::min(kBytesMax, stream.free_bytes() / 2) / 16 * 16;
  TRY_ASSIGN(const auto memory, stream.allocate(bytes));
  TRY_ASSIGN(const auto sink, stream.allocate(4));
  stream.zero(memory.get(), bytes);
  double best = 0;
  for (int round = 0; round <= kRounds; ++round) {
    stream.synchronize();
    const auto begin = std::chrono::steady_clock::now();
    for (int pass = 0; pass < kPasses; ++pass) {
      read_all(stream, memory.get(), bytes, reinterpret_cast<uint32_t*>(sink.get()));
    }
    stream.synchronize();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    if (round == 0) continue;  // the first loads the kernel
    best = std::max(best, kPasses * static_cast<double>(bytes) / spent.count() / 1e9);
  }
  TRY(stream.status());
  return best;
}

}  // namespace hearth::cuda
