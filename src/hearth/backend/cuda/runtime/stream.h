// Stream: work handed to the device in order, and what it is recorded into. Two implementations
// with one interface, never in one binary: device_stream.cu on the CUDA runtime, and
// emulated_stream.cc, which runs everything at once on the CPU and checks what a real device would
// refuse or silently forgive.
//
// Calls don't fail by themselves: the first error stays in `status()`, everything after it is
// dropped, and whoever waits for results asks. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>

namespace hearth {
class Status;  // base/status.h, which kernels' files don't include: nvcc can't compile its fmt
template <typename T>
class Result;
}  // namespace hearth

namespace hearth::cuda {

struct Grid {
  unsigned x = 1, y = 1, z = 1;
  unsigned threads = 256;  // of a block, whole warps
  size_t shared_bytes = 0;
};

struct DeviceFacts {
  std::string name;
  int sm = 0;  // 90 for compute capability 9.0
  int processors = 0;
  int64_t memory_bytes = 0;
};

// Work recorded once, to be run again.
class Graph {
 public:
  virtual ~Graph() = default;
};

class Stream {
 public:
  // `overlap`: kernels may overlap (programmatic dependent launch), where the device can.
  // `memory_max`: no more bytes than that are in use on the device, by all programs, as its driver
  // counts them; 0: as many as it has.  unsupported: no driver or no device, in words.
  static Result<std::unique_ptr<Stream>> open(bool overlap, int64_t memory_max = 0);
  virtual ~Stream() = default;

  virtual const DeviceFacts& facts() const = 0;
  virtual int64_t free_bytes() = 0;  // within memory_max

  // Device memory, 256-byte aligned, content undefined. no_memory says what was asked and free.
  virtual Result<std::shared_ptr<std::byte>> allocate(int64_t bytes) = 0;
  // Host memory that copies run from and to without staging.
  virtual Result<std::shared_ptr<std::byte>> allocate_pinned(int64_t bytes) = 0;

  virtual void copy_in(void* device, const void* host, int64_t bytes) = 0;
  virtual void copy_out(void* host, const void* device, int64_t bytes) = 0;
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;  // both on the device
  virtual void zero(void* device, int64_t bytes) = 0;
  virtual void synchronize() = 0;
  virtual Status status() const = 0;

  // Between these, work is recorded instead of run; synchronize and allocate are not allowed.
  virtual void begin_capture() = 0;
  virtual std::unique_ptr<Graph> end_capture() = 0;
  virtual void replay(Graph& graph) = 0;
  // While set, work handed in is dropped: a graph that holds the same work will be replayed.
  void set_skipping(bool skipping) { skipping_ = skipping; }

  // For `launch` below.
  virtual void launch_kernel(const Grid& grid, const void* kernel, void** arguments) = 0;
  virtual void run(const Grid& grid, std::function<void()> kernel) = 0;

 protected:
  bool skipping_ = false;
};

// Starts `kernel` with `arguments` converted to its parameters.
template <typename... P, typename... A>
void launch(Stream& stream, const Grid& grid, void (*kernel)(P...), A... arguments) {
  static_assert(sizeof...(P) == sizeof...(A));
  std::tuple<std::remove_cv_t<P>...> values(static_cast<std::remove_cv_t<P>>(arguments)...);
#if defined(__CUDACC__)
  std::apply(
      [&](auto&... v) {
        void* pointers[] = {static_cast<void*>(&v)...};
        stream.launch_kernel(grid, reinterpret_cast<const void*>(kernel), pointers);
      },
      values);
#else
  stream.run(grid, [kernel, values] { std::apply(kernel, values); });
#endif
}

}  // namespace hearth::cuda
