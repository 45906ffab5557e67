// Packing a weight when a model is loaded: all threads, group by group, and the stored pages are
// let go as they have been read, so that loading never holds a weight twice.
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/pack/mapped_matrix.h"
#include "hearth/base/mapped_file.h"

namespace hearth {
namespace {

constexpr int64_t kGroupsAtOnce = 64;  // between two times of letting pages go

}  // namespace

bool has_integer_kernels(Format format) {
  return cpu::packed_format(format).has_value();
}

Result<std::shared_ptr<cpu::PackedMatrix>> CpuBackend::pack(const Tensor& stored, bool mapped) {
  auto packed = std::make_shared<cpu::PackedMatrix>(cpu::packed_layout(stored));
  const int64_t rows_each = packed->group_rows();
  const int64_t groups = ceil_div(stored.rows(), rows_each);
  TRY_ASSIGN(packed->data, pack_memory_.take(groups * packed->group_bytes));
  for (int64_t begin = 0; begin < groups; begin += kGroupsAtOnce) {
    const int64_t count = std::min(kGroupsAtOnce, groups - begin);
    pool_.parallel_for(count, [&](int64_t i) {
      cpu::pack_rows(stored, *packed, begin + i,
                     packed->data.get() + (begin + i) * packed->group_bytes);
    });
    const int64_t first = begin * rows_each;
    const int64_t rows = std::min(count * rows_each, stored.rows() - first);
    if (mapped) forget_pages(stored.row(first), rows * stored.row_bytes);
  }
  return packed;
}

Result<Weight> CpuBackend::prepare(Weight weight, WeightUse use) {
  const Tensor& stored = weight.tensor;
  if (use == WeightUse::rows || stored.shape.rank() != 2 ||
      !has_packed_form(stored.format, activation_)) {
    return weight;
  }
  if (keeps_mapping_ && !weight.owner) {
    weight.form = std::make_shared<cpu::MappedMatrix>(stored);
    return weight;
  }
  TRY_ASSIGN(weight.form, pack(stored, !weight.owner));
  if (use == WeightUse::multiply && weight.owner) {
    weight.owner.reset();
    weight.tensor.data = nullptr;
  }
  return weight;
}

}  // namespace hearth
