// The Stream of a real device, on the CUDA runtime (linked statically; the driver is looked for
// when the program runs).
#include <cuda_runtime.h>

#include <algorithm>

#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/base/status.h"

namespace hearth::cuda {
namespace {

constexpr size_t kSharedBytesPlain = 48 << 10;  // more must be asked for

class DeviceGraph : public Graph {
 public:
  explicit DeviceGraph(cudaGraphExec_t made) : exec(made) {}
  ~DeviceGraph() override { cudaGraphExecDestroy(exec); }
  cudaGraphExec_t exec;
};

class DeviceStream : public Stream {
 public:
  DeviceStream(cudaStream_t stream, DeviceFacts facts, bool overlap, int64_t memory_max)
      : stream_(stream),
        facts_(std::move(facts)),
        overlap_(overlap && facts_.sm >= 90),
        memory_max_(memory_max) {}
  ~DeviceStream() override { cudaStreamDestroy(stream_); }

  const DeviceFacts& facts() const override { return facts_; }
  int64_t free_bytes() override {
    size_t free = 0, total = 0;
    note(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    const auto left = static_cast<int64_t>(free);
    if (memory_max_ == 0) return left;
    return std::clamp<int64_t>(memory_max_ - (static_cast<int64_t>(total) - left), 0, left);
  }

  Result<std::shared_ptr<std::byte>> allocate(int64_t bytes) override {
    void* memory = nullptr;
    if (memory_max_ > 0 && bytes > free_bytes()) {
      return hearth::error(Code::no_memory, "{} bytes asked of {}, {} are left of the {} allowed",
                           bytes, facts_.name, free_bytes(), memory_max_);
    }
    const cudaError_t e = cudaMalloc(&memory, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
    if (e != cudaSuccess) {
      (void)cudaGetLastError();
      return hearth::error(Code::no_memory, "{} bytes asked of {}, {} are free ({})", bytes,
                           facts_.name, free_bytes(), cudaGetErrorString(e));
    }
    return std::shared_ptr<std::byte>(static_cast<std::byte*>(memory),
                                      [](std::byte* p) { cudaFree(p); });
  }
  Result<std::shared_ptr<std::byte>> allocate_pinned(int64_t bytes) override {
    void* memory = nullptr;
    const cudaError_t e = cudaMallocHost(&memory, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
    if (e != cudaSuccess) {
      (void)cudaGetLastError();
      return hearth::error(Code::no_memory, "{} bytes of pinned memory asked ({})", bytes,
                           cudaGetErrorString(e));
    }
    return std::shared_ptr<std::byte>(static_cast<std::byte*>(memory),
                                      [](std::byte* p) { cudaFreeHost(p); });
  }

  void copy_in(void* device, const void* host, int64_t bytes) override {
    move(device, host, bytes, cudaMemcpyHostToDevice);
  }
  void copy_out(void* host, const void* device, int64_t bytes) override {
    move(host, device, bytes, cudaMemcpyDeviceToHost);
  }
  void copy(void* to, const void* from, int64_t bytes) override {
    move(to, from, bytes, cudaMemcpyDeviceToDevice);
  }
  void zero(void* device, int64_t bytes) override {
    if (dropped() || bytes == 0) return;
    note(cudaMemsetAsync(device, 0, static_cast<size_t>(bytes), stream_), "cudaMemsetAsync");
  }
  void synchronize() override {
    if (status_.is_ok()) note(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  }

  Status status() const override { return status_; }

  void begin_capture() override {
    if (status_.is_ok()) {
      note(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "begin capture");
    }
  }
  std::unique_ptr<Graph> end_capture() override {
    if (!status_.is_ok()) return nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    note(cudaStreamEndCapture(stream_, &graph), "end capture");
    if (status_.is_ok()) note(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
    if (graph != nullptr) cudaGraphDestroy(graph);
    if (!status_.is_ok()) return nullptr;
    return std::make_unique<DeviceGraph>(exec);
  }
  void replay(Graph& graph) override {
    if (!status_.is_ok()) return;
    note(cudaGraphLaunch(static_cast<DeviceGraph&>(graph).exec, stream_), "cudaGraphLaunch");
  }

  void launch_kernel(const Grid& grid, const void* kernel, void** arguments) override {
    if (dropped()) return;
    if (grid.shared_bytes > kSharedBytesPlain) {
      note(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(grid.shared_bytes)),
           "shared memory of a kernel");
    }
    cudaLaunchAttribute overlap{};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(grid.x, grid.y, grid.z);
    config.blockDim = dim3(grid.threads);
    config.dynamicSmemBytes = grid.shared_bytes;
    config.stream = stream_;
    config.attrs = &overlap;
    config.numAttrs = overlap_ ? 1 : 0;
    note(cudaLaunchKernelExC(&config, kernel, arguments), "kernel launch");
  }
  void run(const Grid&, std::function<void()>) override { CHECK(false); }

 private:
  bool dropped() const { return skipping_ || !status_.is_ok(); }
  void move(void* to, const void* from, int64_t bytes, cudaMemcpyKind kind) {
    if (dropped() || bytes == 0) return;
    note(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), kind, stream_), "cudaMemcpyAsync");
  }
  // Keeps the first error.
  void note(cudaError_t e, const char* what) {
    if (e == cudaSuccess || !status_.is_ok()) return;
    status_ = hearth::error(Code::internal, "{}: {}: {}", facts_.name, what, cudaGetErrorString(e));
  }

  cudaStream_t stream_;
  DeviceFacts facts_;
  bool overlap_;
  int64_t memory_max_;
  Status status_;
};

}  // namespace

Result<std::unique_ptr<Stream>> Stream::open(bool overlap, int64_t memory_max) {
  int devices = 0;
  const cudaError_t e = cudaGetDeviceCount(&devices);
  if (e != cudaSuccess || devices == 0) {
    return hearth::error(Code::unsupported, "no NVIDIA GPU can be used here: {}",
                         e == cudaSuccess ? "the driver sees none" : cudaGetErrorString(e));
  }
  cudaDeviceProp p{};
  cudaStream_t stream = nullptr;
  if (cudaSetDevice(0) != cudaSuccess || cudaGetDeviceProperties(&p, 0) != cudaSuccess ||
      cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess) {
    return hearth::error(Code::unsupported, "the NVIDIA GPU can't be opened: {}",
                         cudaGetErrorString(cudaGetLastError()));
  }
  DeviceFacts facts;
  facts.name = p.name;
  facts.sm = p.major * 10 + p.minor;
  facts.processors = p.multiProcessorCount;
  facts.memory_bytes = static_cast<int64_t>(p.totalGlobalMem);
  return std::unique_ptr<Stream>(
      std::make_unique<DeviceStream>(stream, std::move(facts), overlap, memory_max));
}

}  // namespace hearth::cuda
