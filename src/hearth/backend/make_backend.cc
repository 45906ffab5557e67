// One line for each backend.
#include "hearth/backend/make_backend.h"

#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/dispatch.h"
#include "hearth/backend/reference/reference_backend.h"

namespace hearth {

Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options) {
  if (options.device == "reference") {
    return std::unique_ptr<Backend>(std::make_unique<ReferenceBackend>(options.activation));
  }
  if (options.device == "auto" || options.device == "cpu") {
    TRY_ASSIGN(const cpu::KernelTable* kernels, cpu::choose_table(options.cpu_isa));
    return std::unique_ptr<Backend>(
        std::make_unique<CpuBackend>(options.threads, *kernels, options.activation));
  }
  return error(Code::invalid, "device: expected auto, cpu or reference, found `{}`",
               options.device);
}

}  // namespace hearth
