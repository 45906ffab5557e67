// The Stream of the emulator: runs everything at once on the CPU, and is stricter than a device.
// Memory starts as NaNs; freed or foreign memory is found by the address sanitizer, or here where a
// copy leaves its allocation; a capture that allocates or waits is a CHECK.
#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "hearth/backend/cuda/runtime/stream.h"
#include "hearth/backend/cuda/simt/emulator.h"
#include "hearth/base/status.h"

namespace hearth::cuda {
namespace {

class EmulatedGraph : public Graph {
 public:
  std::vector<std::function<void()>> work;
};

class EmulatedStream : public Stream {
 public:
  explicit EmulatedStream(int64_t memory_max) : memory_bytes_(memory_max) {
    facts_.name = "emulator";
    facts_.sm = 90;
    facts_.processors = 4;
    facts_.memory_bytes = memory_bytes_;
  }

  const DeviceFacts& facts() const override { return facts_; }
  int64_t free_bytes() override { return memory_bytes_ - held_; }

  Result<std::shared_ptr<std::byte>> allocate(int64_t bytes) override {
    CHECK(!graph_);
    if (bytes > free_bytes()) {
      return error(Code::no_memory, "{} bytes asked of the device, {} are free", bytes,
                   free_bytes());
    }
    auto* memory = static_cast<std::byte*>(::operator new (size_of(bytes), std::align_val_t{256}));
    std::memset(memory, 0xff, size_of(bytes));
    held_ += bytes;
    extents_[memory] = bytes;
    return std::shared_ptr<std::byte>(memory, [this, bytes](std::byte* p) {
      held_ -= bytes;
      extents_.erase(p);
      ::operator delete (p, std::align_val_t{256});
    });
  }
  Result<std::shared_ptr<std::byte>> allocate_pinned(int64_t bytes) override {
    CHECK(!graph_);
    return std::shared_ptr<std::byte>(new std::byte[size_of(bytes)],
                                      std::default_delete<std::byte[]>());
  }

  void copy_in(void* device, const void* host, int64_t bytes) override {
    check_extent(device, bytes);
    enqueue([=] { std::memcpy(device, host, static_cast<size_t>(bytes)); });
  }
  void copy_out(void* host, const void* device, int64_t bytes) override {
    check_extent(device, bytes);
    enqueue([=] { std::memcpy(host, device, static_cast<size_t>(bytes)); });
  }
  void copy(void* to, const void* from, int64_t bytes) override {
    check_extent(to, bytes);
    check_extent(from, bytes);
    enqueue([=] { std::memmove(to, from, static_cast<size_t>(bytes)); });
  }
  void zero(void* device, int64_t bytes) override {
    check_extent(device, bytes);
    enqueue([=] { std::memset(device, 0, static_cast<size_t>(bytes)); });
  }
  void synchronize() override { CHECK(!graph_); }
  Status status() const override { return Status::ok(); }

  void begin_capture() override {
    CHECK(!graph_);
    graph_ = std::make_unique<EmulatedGraph>();
  }
  std::unique_ptr<Graph> end_capture() override {
    CHECK(graph_ != nullptr);
    return std::move(graph_);
  }
  void replay(Graph& graph) override {
    for (const auto& work : static_cast<EmulatedGraph&>(graph).work) work();
  }

  void launch_kernel(const Grid&, const void*, void**) override { CHECK(false); }
  void run(const Grid& grid, std::function<void()> kernel) override {
    CHECK(grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.y < 65536 && grid.z < 65536);
    CHECK(grid.threads % 32 == 0);
    enqueue([grid, kernel = std::move(kernel)] {
      simt::run_grid({grid.x, grid.y, grid.z}, grid.threads, grid.shared_bytes, kernel);
    });
  }

 private:
  static size_t size_of(int64_t bytes) { return static_cast<size_t>(std::max<int64_t>(bytes, 1)); }

  void enqueue(std::function<void()> work) {
    if (skipping_) return;
    if (graph_) {
      graph_->work.push_back(std::move(work));
    } else {
      work();
    }
  }

  // The bytes lie within one allocation.
  void check_extent(const void* at, int64_t bytes) const {
    if (bytes == 0) return;
    const auto* p = static_cast<const std::byte*>(at);
    auto extent = extents_.upper_bound(p);
    CHECK(extent != extents_.begin());
    --extent;
    CHECK(p + bytes <= extent->first + extent->second);
  }

  DeviceFacts facts_;
  int64_t memory_bytes_;
  int64_t held_ = 0;
  std::map<const std::byte*, int64_t> extents_;
  std::unique_ptr<EmulatedGraph> graph_;
};

}  // namespace

Result<std::unique_ptr<Stream>> Stream::open(bool /*overlap*/, int64_t memory_max) {
  constexpr int64_t kMemoryBytes = int64_t{4} << 30;
  return std::unique_ptr<Stream>(
      std::make_unique<EmulatedStream>(memory_max > 0 ? memory_max : kMemoryBytes));
}

}  // namespace hearth::cuda
