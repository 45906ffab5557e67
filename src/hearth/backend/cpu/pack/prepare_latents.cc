// Packing MLA's expansion as latent_layout.h says.
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/latent_layout.h"
#include "hearth/base/mapped_file.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

using cpu::HeadMap;

// Writes a head's map, [out][in].
using MapOf = FunctionRef<void(int64_t head, float* map)>;

Tensor as_matrix(const Tensor& t) {
  return Tensor::packed(t.format, {t.rows(), t.columns()}, t.data);
}

void rows_of_head(const HeadRows& rows, int64_t head, const LatentLayout& layout, float* map) {
  for (int64_t i = 0; i < layout.out; ++i) {
    decode_row(rows.weight->tensor, rows.row(head, i), 0, layout.in, map + i * layout.in);
  }
}

// Element (i, c) of a head's map is column i of its row c. Rows are decoded whole: a single element
// costs as much as its block.
void columns_of_head(const HeadRows& rows, int64_t head, const LatentLayout& layout, float* map) {
  std::vector<float> row(static_cast<size_t>(layout.out));
  for (int64_t c = 0; c < layout.in; ++c) {
    decode_row(rows.weight->tensor, rows.row(head, c), 0, layout.out, row.data());
    for (int64_t i = 0; i < layout.out; ++i) map[i * layout.in + c] = row[static_cast<size_t>(i)];
  }
}

// The same weight, packed before.
HeadMap shared(const HeadMap& packed, const LatentLayout& layout, int64_t offset) {
  return {packed.weight, layout.out, layout.stride, offset};
}

void forget(const Weight& stored) {
  if (!stored.owner) forget_pages(stored.tensor.data, stored.tensor.bytes());
}

}  // namespace

Result<HeadMap> CpuBackend::build_map(const LatentLayout& layout, int64_t heads,
                                      const MapOf& map_of) {
  HeadMap map{{}, layout.out, layout.stride, 0};
  Buffer memory(layout.bytes(heads));
  const Tensor rows =
      Tensor::packed(layout.format, {heads * layout.stride, layout.in}, memory.data());
  pool_.parallel_for(heads, [&](int64_t head) {
    std::vector<float> values(static_cast<size_t>(layout.out * layout.in));
    map_of(head, values.data());
    for (int64_t i = 0; i < layout.out; ++i) {
      encode_row(values.data() + i * layout.in, rows, head * layout.stride + i);
    }
  });
  TRY_ASSIGN(map.weight.form, pack(rows, false));
  map.weight.tensor = rows;
  map.weight.tensor.data = nullptr;
  return map;
}

Result<HeadMap> CpuBackend::map_of_rows(const HeadRows& rows, const LatentLayout& layout,
                                        int64_t heads) {
  if (!layout.as_stored) {
    return build_map(layout, heads,
                     [&](int64_t head, float* map) { rows_of_head(rows, head, layout, map); });
  }
  HeadMap map{{}, layout.out, layout.stride, rows.offset};
  map.weight.tensor = as_matrix(rows.weight->tensor);
  TRY_ASSIGN(map.weight.form, pack(map.weight.tensor, false));
  map.weight.tensor.data = nullptr;
  return map;
}

Result<HeadMap> CpuBackend::map_of_columns(const HeadRows& rows, const LatentLayout& layout,
                                           int64_t heads) {
  return build_map(layout, heads,
                   [&](int64_t head, float* map) { columns_of_head(rows, head, layout, map); });
}

Result<std::shared_ptr<const BackendForm>> CpuBackend::prepare_latents(const AttendMla& shape) {
  auto maps = std::make_shared<cpu::LatentMaps>();
  const LatentLayouts layouts = layouts_of(shape, activation_);
  const int64_t heads = shape.heads;
  if (shape.k_b_transposed) {
    TRY_ASSIGN(maps->queries, map_of_rows(shape.k_b, layouts.queries, heads));
    TRY_ASSIGN(maps->keys, map_of_columns(shape.k_b, layouts.keys, heads));
  } else {
    TRY_ASSIGN(maps->keys, map_of_rows(shape.k_b, layouts.keys, heads));
    TRY_ASSIGN(maps->queries, map_of_columns(shape.k_b, layouts.queries, heads));
  }
  const bool both = layouts.values.as_stored && layouts.values.as_stored == layouts.keys.as_stored;
  if (both) {
    maps->values = shared(maps->keys, layouts.values, shape.v_b.offset);
  } else {
    TRY_ASSIGN(maps->values, map_of_rows(shape.v_b, layouts.values, heads));
  }
  forget(*shape.k_b.weight);
  forget(*shape.v_b.weight);
  return std::shared_ptr<const BackendForm>(std::move(maps));
}

}  // namespace hearth
