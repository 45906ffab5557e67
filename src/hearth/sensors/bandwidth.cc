// See bandwidth.h. A stream is summed in eight independent lanes, which the compiler turns into
// vector loads; the sum leaves through an atomic, so that no pass can be optimised away.
#include "hearth/sensors/bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "hearth/base/checked_math.h"
#include "hearth/base/thread_pool.h"

namespace hearth {
namespace {

constexpr int64_t kPage = 4096;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kLanes = 8;  // words of a cache line
// How far ahead of the reads a line is asked for: the hardware's own prefetch ends at each page of
// 4 KiB, which this outruns.
constexpr int64_t kAheadWords = 4096 / 8;

// Memory of huge pages where the kernel gives them. Owner: one measurement.
class Pages {
 public:
  explicit Pages(int64_t bytes) : bytes_(static_cast<size_t>(bytes + kHugePage)) {
    void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    data_ = static_cast<std::byte*>(at);
#ifdef MADV_HUGEPAGE
    ::madvise(data_, bytes_, MADV_HUGEPAGE);  // refused: ordinary pages
#endif
  }
  ~Pages() {
    if (data_) ::munmap(data_, bytes_);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  explicit operator bool() const {
    return data_ != nullptr;
  }
  uint64_t* words() const {  // at the first border of a huge page
    const auto address = reinterpret_cast<intptr_t>(data_);
    return reinterpret_cast<uint64_t*>(data_ + (round_up(address, kHugePage) - address));
  }

 private:
  size_t bytes_;
  std::byte* data_ = nullptr;
};

uint64_t sum_words(const uint64_t* words, int64_t count) {
  uint64_t lanes[kLanes] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    __builtin_prefetch(words + i + kAheadWords);
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += words[i + lane];
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
  const int64_t words = threads < 1 ? 0 : buffer_bytes / threads / kPage * (kPage / 8);  // each
  if (words < 1) {
    return error(Code::invalid,
                 "bandwidth: expected a thread, and 4 KiB for each, found {} and {} bytes", threads,
                 buffer_bytes);
  }
  const Pages pages(words * 8 * threads);
  if (!pages) {
    return error(Code::no_memory, "bandwidth: no memory for {} bytes", words * 8 * threads);
  }
  ThreadPool pool(threads);
  const double deadline = seconds_now() + seconds;
  pool.parallel_for(threads, [&](int64_t stream) {
    uint64_t* begin = pages.words() + stream * words;
    for (int64_t i = 0; i < words; ++i) begin[i] = static_cast<uint64_t>(i ^ stream);
  });
  Bandwidth result{0, threads, words * 8 * threads, 0};
  std::atomic<uint64_t> sink{0};
  do {
    const double begin = seconds_now();
    pool.parallel_for(threads, [&](int64_t stream) {
      sink.fetch_add(sum_words(pages.words() + stream * words, words));
    });
    const double elapsed = std::max(seconds_now() - begin, 1e-9);
    result.read_gb_s =
        std::max(result.read_gb_s, static_cast<double>(result.buffer_bytes) / elapsed / 1e9);
    ++result.passes;
  } while (seconds_now() < deadline);
  return result;
}

}  // namespace hearth
