// See arithmetic_peak.h. The best of several short rounds: a neighbour that takes the core lowers a
// round, nothing raises it.
#include "hearth/sensors/arithmetic_peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "hearth/base/thread_pool.h"
#include "hearth/sensors/isa.h"
#include "hearth/sensors/peak/loops.h"

namespace hearth {
namespace {

constexpr int64_t kIterations = 100'000;  // a few milliseconds

std::vector<const peak::LoopTable*> usable_tables() {
  std::vector<const peak::LoopTable*> tables = {&peak::isa_scalar::table()};
#if defined(__x86_64__)
  const IsaFeatures isa = detect_isa();
  if (isa.avx2 && isa.fma) tables.push_back(&peak::isa_avx2::table());
  if (isa.avx_vnni) tables.push_back(&peak::isa_avx_vnni::table());
  if (isa.avx512f) tables.push_back(&peak::isa_avx512::table());
  if (isa.avx512_vnni) tables.push_back(&peak::isa_avx512_vnni::table());
  if (isa.avx512_bf16) tables.push_back(&peak::isa_avx512_bf16::table());
#elif defined(__aarch64__)
  tables.push_back(&peak::isa_neon::table());
  if (detect_isa().dotprod) tables.push_back(&peak::isa_dotprod::table());
#endif
  return tables;
}

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

double gop_s(ThreadPool& pool, const peak::Loop& loop, double seconds) {
  double best = 0;
  const double deadline = seconds_now() + seconds;
  do {
    const double begin = seconds_now();
    pool.parallel_for(pool.threads(), [&](int64_t) { loop.run(kIterations); });
    const double elapsed = std::max(seconds_now() - begin, 1e-9);
    const double ops = static_cast<double>(loop.ops * kIterations * pool.threads());
    best = std::max(best, ops / elapsed / 1e9);
  } while (seconds_now() < deadline);
  return best;
}

}  // namespace

Result<ArithmeticPeaks> measure_arithmetic_peaks(int threads, double seconds) {
  if (threads < 1) return error(Code::invalid, "peaks: expected a thread, found {}", threads);
  ThreadPool pool(threads);
  ArithmeticPeaks peaks;
  const auto offer = [&](const peak::LoopTable& table, const peak::Loop& loop, Peak& best) {
    if (!loop.run) return;
    const double found = gop_s(pool, loop, seconds);
    if (found > best.gop_s) best = {found, table.name};
  };
  for (const peak::LoopTable* table : usable_tables()) {
    offer(*table, table->f32, peaks.f32);
    offer(*table, table->int8, peaks.int8);
    offer(*table, table->bf16, peaks.bf16);
  }
  return peaks;
}

}  // namespace hearth
