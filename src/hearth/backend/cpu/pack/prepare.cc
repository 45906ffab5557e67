// Packing a weight when a model is loaded: all threads, group by group, and the stored pages are
// let go as they have been read, so that loading never holds a weight twice.
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/base/mapped_file.h"

namespace hearth {
namespace {

constexpr int64_t kGroupsAtOnce = 64;  // between two times of letting pages go

}  // namespace

bool has_integer_kernels(Format format) {
  return cpu::packed_format(format).has_value();
}

Result<Weight> CpuBackend::prepare(Weight weight, WeightUse use) {
  const Tensor& stored = weight.tensor;
  if (use == WeightUse::rows || activation_ == Activation::f32) return weight;
  const auto format = cpu::packed_format(stored.format);
  if (!format || stored.shape.rank() != 2) return weight;
  const int64_t groups = ceil_div(stored.rows(), cpu::kGroupRows);
  auto packed = std::make_shared<cpu::PackedMatrix>();
  packed->format = *format;
  packed->group_bytes = cpu::packed_group_bytes(stored.format, stored.columns());
  TRY_ASSIGN(packed->data, pack_memory_.take(groups * packed->group_bytes));
  for (int64_t begin = 0; begin < groups; begin += kGroupsAtOnce) {
    const int64_t count = std::min(kGroupsAtOnce, groups - begin);
    pool_.parallel_for(count, [&](int64_t i) {
      cpu::pack_group(stored, begin + i, packed->data.get() + (begin + i) * packed->group_bytes);
    });
    const int64_t first = begin * cpu::kGroupRows;
    const int64_t rows = std::min(count * cpu::kGroupRows, stored.rows() - first);
    if (!weight.owner) forget_pages(stored.row(first), rows * stored.row_bytes);
  }
  weight.form = std::move(packed);
  if (use == WeightUse::multiply && weight.owner) {
    weight.owner.reset();
    weight.tensor.data = nullptr;
  }
  return weight;
}

}  // namespace hearth
