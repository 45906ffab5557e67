// Packing a weight when a model is loaded: all threads, group by group, and the stored pages are
// let go as they have been read, so that loading never holds a weight twice.
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/base/mapped_file.h"

namespace hearth {
namespace {

constexpr int64_t kGroupsAtOnce = 64;  // between two times of letting pages go

// What the form of a weight will be, without its data.
cpu::PackedMatrix unpacked(const Tensor& stored) {
  using Kind = cpu::PackedMatrix::Kind;
  cpu::PackedMatrix form;
  const int64_t row_bytes = Tensor::packed_row_bytes(stored.format, stored.columns());
  if (stored.format == Format::f8_e4m3) {
    form.kind = Kind::f8;
    form.group_bytes = cpu::f8_panel_bytes(stored.columns());
  } else if (const auto floats = cpu::float_format(stored.format)) {
    form.kind = Kind::floats;
    form.float_format = *floats;
    form.group_bytes = cpu::kPanelRows * row_bytes;
  } else {
    form.format = *cpu::packed_format(stored.format);
    form.group_bytes = cpu::kGroupRows * row_bytes;
  }
  return form;
}

}  // namespace

bool has_integer_kernels(Format format) {
  return cpu::packed_format(format).has_value();
}

Result<std::shared_ptr<cpu::PackedMatrix>> CpuBackend::pack(const Tensor& stored, bool mapped) {
  using Kind = cpu::PackedMatrix::Kind;
  auto packed = std::make_shared<cpu::PackedMatrix>(unpacked(stored));
  const int64_t rows_each = packed->kind == Kind::integers ? cpu::kGroupRows : cpu::kPanelRows;
  const int64_t groups = ceil_div(stored.rows(), rows_each);
  TRY_ASSIGN(packed->data, pack_memory_.take(groups * packed->group_bytes));
  for (int64_t begin = 0; begin < groups; begin += kGroupsAtOnce) {
    const int64_t count = std::min(kGroupsAtOnce, groups - begin);
    pool_.parallel_for(count, [&](int64_t i) {
      uint8_t* out = packed->data.get() + (begin + i) * packed->group_bytes;
      if (packed->kind == Kind::integers) cpu::pack_group(stored, begin + i, out);
      if (packed->kind == Kind::floats) cpu::pack_panel(stored, begin + i, out);
      if (packed->kind == Kind::f8) cpu::pack_f8_panel(stored, begin + i, out);
    });
    const int64_t first = begin * rows_each;
    const int64_t rows = std::min(count * rows_each, stored.rows() - first);
    if (mapped) forget_pages(stored.row(first), rows * stored.row_bytes);
  }
  return packed;
}

bool CpuBackend::is_packable(const Tensor& tensor) const {
  if (cpu::float_format(tensor.format) || tensor.format == Format::f8_e4m3) return true;
  return activation_ == Activation::automatic && has_integer_kernels(tensor.format);
}

Result<Weight> CpuBackend::prepare(Weight weight, WeightUse use) {
  const Tensor& stored = weight.tensor;
  if (use == WeightUse::rows || stored.shape.rank() != 2 || !is_packable(stored)) return weight;
  TRY_ASSIGN(weight.form, pack(stored, !weight.owner));
  if (use == WeightUse::multiply && weight.owner) {
    weight.owner.reset();
    weight.tensor.data = nullptr;
  }
  return weight;
}

}  // namespace hearth
