// One line for each backend.
#include "hearth/backend/make_backend.h"

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/reference/reference_backend.h"

#if defined(HEARTH_CUDA)
#include "hearth/backend/cuda/cuda_backend.h"
#include "hearth/backend/cuda/runtime/bandwidth.h"
#endif

namespace hearth {
namespace {

Result<std::unique_ptr<Backend>> make_cuda([[maybe_unused]] const BackendOptions& options) {
#if defined(HEARTH_CUDA)
  TRY_ASSIGN(auto backend, CudaBackend::open({options.activation, options.cuda_graphs,
                                              options.cuda_overlap, options.gpu_memory}));
  return std::unique_ptr<Backend>(std::move(backend));
#else
  return error(Code::unsupported, "device cuda: this Hearth was built without it (make cuda)");
#endif
}

}  // namespace

Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options) {
  if (options.device == "reference") {
    return std::unique_ptr<Backend>(std::make_unique<ReferenceBackend>(options.activation));
  }
  if (options.device == "cuda") return make_cuda(options);
  if (options.device == "auto" || options.device == "cpu") {
    TRY_ASSIGN(const cpu::KernelTable* kernels, cpu::choose_table(options.cpu_isa));
    return std::unique_ptr<Backend>(std::make_unique<CpuBackend>(
        options.threads, *kernels, options.activation, options.experts, options.keep_mapping));
  }
  return error(Code::invalid, "device: expected auto, cpu, cuda or reference, found `{}`",
               options.device);
}

Result<std::optional<DeviceMemory>> measure_device([[maybe_unused]] Backend& backend) {
#if defined(HEARTH_CUDA)
  if (auto* device = dynamic_cast<CudaBackend*>(&backend)) {
    DeviceMemory memory;
    memory.name = device->facts().name;
    memory.free_bytes = device->stream().free_bytes();
    TRY_ASSIGN(memory.read_gb_s, cuda::measure_read_gb_s(device->stream()));
    return std::optional(std::move(memory));
  }
#endif
  return std::optional<DeviceMemory>();
}

}  // namespace hearth
