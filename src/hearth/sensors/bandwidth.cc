// See bandwidth.h. Each part of the buffer is summed in eight independent lanes, which the compiler
// turns into vector loads; the sum leaves through an atomic, so that no pass can be optimised away.
#include "hearth/sensors/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <new>

#include "hearth/base/thread_pool.h"

namespace hearth {
namespace {

constexpr int64_t kPartWords = (4 << 20) / 8;
constexpr int kLanes = 8;

uint64_t sum_words(const uint64_t* words, int64_t count) {
  uint64_t lanes[kLanes] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += words[i + lane];
  }
  uint64_t sum = 0;
  for (const uint64_t lane : lanes) sum += lane;
  return sum;
}

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

}  // namespace

int64_t bandwidth_buffer_bytes(int64_t cache_bytes, int threads, int64_t available_bytes) {
  constexpr int64_t kMin = int64_t{64} << 20;
  const int64_t most = int64_t{std::max(threads, 1)} * (int64_t{256} << 20);
  const int64_t wanted = std::clamp(std::min(cache_bytes, most) * 4, kMin, most);
  return std::min(wanted, std::max<int64_t>(available_bytes / 8, 0));
}

Result<Bandwidth> measure_read_bandwidth(int threads, int64_t buffer_bytes, double seconds) {
  const int64_t parts = buffer_bytes / 8 / kPartWords;
  if (threads < 1 || parts < 1) {
    return error(Code::invalid, "bandwidth: expected a thread and 4 MiB, found {} and {} bytes",
                 threads, buffer_bytes);
  }
  const int64_t words = parts * kPartWords;
  const std::unique_ptr<uint64_t[]> buffer(new (std::nothrow) uint64_t[static_cast<size_t>(words)]);
  if (!buffer) return error(Code::no_memory, "bandwidth: no memory for {} bytes", words * 8);
  ThreadPool pool(threads);
  const double deadline = seconds_now() + seconds;
  pool.parallel_for(parts, [&](int64_t part) {
    uint64_t* begin = buffer.get() + part * kPartWords;
    for (int64_t i = 0; i < kPartWords; ++i) begin[i] = static_cast<uint64_t>(i ^ part);
  });
  Bandwidth result{0, threads, words * 8, 0};
  std::atomic<uint64_t> sink{0};
  do {
    const double begin = seconds_now();
    pool.parallel_for(parts, [&](int64_t part) {
      sink.fetch_add(sum_words(buffer.get() + part * kPartWords, kPartWords));
    });
    const double elapsed = std::max(seconds_now() - begin, 1e-9);
    result.read_gb_s =
        std::max(result.read_gb_s, static_cast<double>(result.buffer_bytes) / elapsed / 1e9);
    ++result.passes;
  } while (seconds_now() < deadline);
  return result;
}

}  // namespace hearth
