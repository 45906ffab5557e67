// See latent_layout.h.
#include "hearth/backend/latent_layout.h"

namespace hearth {
namespace {

bool is_float(Format format) {
  return format == Format::f32 || format == Format::f16 || format == Format::bf16;
}

Format rebuilt_format(Format stored, int64_t columns, Activation activation) {
  if (is_float(stored)) return stored;
  const bool integers = activation == Activation::automatic && has_integer_kernels(stored);
  return integers && columns % format_info(Format::q8_0).block_elements == 0 ? Format::q8_0
                                                                             : Format::f32;
}

LatentLayout rebuilt(Format stored, int64_t out, int64_t in, Activation activation) {
  return {rebuilt_format(stored, in, activation), out, in, round_up(out, LatentLayout::kAlign),
          nullptr};
}

}  // namespace

bool has_packed_form(Format format, Activation activation) {
  if (is_float(format) || format == Format::f8_e4m3) return true;
  return activation == Activation::automatic && has_integer_kernels(format);
}

int64_t LatentLayout::bytes(int64_t heads) const {
  if (as_stored) return as_stored->bytes();
  return heads * stride * Tensor::packed_row_bytes(format, in);
}

LatentLayout layout_of_rows(const HeadRows& rows, int64_t out, Activation activation) {
  constexpr int64_t kAlign = LatentLayout::kAlign;
  const Tensor& stored = rows.weight->tensor;
  const bool lies_ready = rows.head_stride % kAlign == 0 && rows.offset % kAlign == 0 &&
                          out % kAlign == 0 && stored.scales == nullptr;
  if (!lies_ready || !has_packed_form(stored.format, activation)) {
    return rebuilt(stored.format, out, stored.columns(), activation);
  }
  return {stored.format, out, stored.columns(), rows.head_stride, rows.weight};
}

LatentLayout layout_of_columns(const HeadRows& rows, int64_t in, Activation activation) {
  const Tensor& stored = rows.weight->tensor;
  return rebuilt(stored.format, stored.columns(), in, activation);
}

int64_t LatentLayouts::bytes(int64_t heads) const {
  const bool shared = values.as_stored && values.as_stored == keys.as_stored;
  return keys.bytes(heads) + queries.bytes(heads) + (shared ? 0 : values.bytes(heads));
}

LatentLayouts layouts_of(const AttendMla& shape, Activation activation) {
  LatentLayouts out;
  if (shape.k_b_transposed) {
    out.queries = layout_of_rows(shape.k_b, shape.kv_lora_rank, activation);
    out.keys = layout_of_columns(shape.k_b, shape.kv_lora_rank, activation);
  } else {
    out.keys = layout_of_rows(shape.k_b, shape.qk_nope_head_dim, activation);
    out.queries = layout_of_columns(shape.k_b, shape.qk_nope_head_dim, activation);
  }
  out.values = layout_of_rows(shape.v_b, shape.v_head_dim, activation);
  return out;
}

}  // namespace hearth
