// See compute.h.
#include "hearth/train/verbs/compute.h"

namespace hearth::train {

Result<std::unique_ptr<Compute>> Compute::create(int threads, std::string_view isa) {
  TRY_ASSIGN(const cpu::KernelTable* kernels, cpu::choose_table(isa));
  return std::unique_ptr<Compute>(new Compute(threads, kernels));
}

}  // namespace hearth::train
