// Packing MLA's expansion. Where the stored rows lie as a map wants them they are packed as they
// are; the other direction is transposed, in the stored float format, or for quantised weights in
// Q8_0, whose error lies far below that of the formats that are quantised further.
#include "hearth/backend/cpu/cpu_backend.h"
#include "hearth/backend/cpu/ops/latent_maps.h"
#include "hearth/formats/codec.h"

namespace hearth {
namespace {

using cpu::HeadMap;

constexpr int64_t kAlign = cpu::kPairRows;

// Writes a head's map, [out][in].
using MapOf = FunctionRef<void(int64_t head, float* map)>;

Tensor as_matrix(const Tensor& t) {
  return Tensor::packed(t.format, {t.rows(), t.columns()}, t.data);
}

// A map whose rows lie in `source` from `rows.offset` on, if it can be packed where it lies.
bool lies_ready(const HeadRows& rows, int64_t out) {
  return rows.head_stride % kAlign == 0 && rows.offset % kAlign == 0 && out % kAlign == 0 &&
         rows.weight->tensor.scales == nullptr;
}

}  // namespace

// The format in which a map is built anew from a weight.
Format CpuBackend::rebuilt_format(Format stored, int64_t columns) const {
  if (cpu::float_format(stored)) return stored;
  const bool integers = activation_ == Activation::automatic && has_integer_kernels(stored);
  return integers && columns % format_info(Format::q8_0).block_elements == 0 ? Format::q8_0
                                                                             : Format::f32;
}

Result<HeadMap> CpuBackend::build_map(Format format, int64_t heads, int64_t out, int64_t in,
                                      const MapOf& map_of) {
  HeadMap map;
  map.out = out;
  map.stride = round_up(out, kAlign);
  Buffer memory(heads * map.stride * Tensor::packed_row_bytes(format, in));
  const Tensor rows = Tensor::packed(format, {heads * map.stride, in}, memory.data());
  pool_.parallel_for(heads, [&](int64_t head) {
    std::vector<float> values(static_cast<size_t>(out * in));
    map_of(head, values.data());
    for (int64_t i = 0; i < out; ++i) {
      encode_row(values.data() + i * in, rows, head * map.stride + i);
    }
  });
  TRY_ASSIGN(map.weight.form, pack(rows, false));
  map.weight.tensor = rows;
  map.weight.tensor.data = nullptr;
  return map;
}

Result<HeadMap> CpuBackend::map_of_rows(const HeadRows& rows, int64_t heads, int64_t out) {
  const Tensor& stored = rows.weight->tensor;
  if (lies_ready(rows, out) && is_packable(stored)) {
    HeadMap map{{}, out, rows.head_stride, rows.offset};
    map.weight.tensor = as_matrix(stored);
    TRY_ASSIGN(map.weight.form, pack(map.weight.tensor, false));
    map.weight.tensor.data = nullptr;
    return map;
  }
  const int64_t in = stored.columns();
  return build_map(rebuilt_format(stored.format, in), heads, out, in,
                   [&](int64_t head, float* map) {
                     for (int64_t i = 0; i < out; ++i) {
                       decode_row(stored, rows.row(head, i), 0, in, map + i * in);
                     }
                   });
}

Result<HeadMap> CpuBackend::map_of_columns(const HeadRows& rows, int64_t heads, int64_t in) {
  const Tensor& stored = rows.weight->tensor;
  const int64_t out = stored.columns();
  // Element (i, c) of a head's map is column i of its row c. Rows are decoded whole: a single
  // element costs as much as its block.
  return build_map(rebuilt_format(stored.format, in), heads, out, in,
                   [&](int64_t head, float* map) {
                     std::vector<float> row(static_cast<size_t>(out));
                     for (int64_t c = 0; c < in; ++c) {
                       decode_row(stored, rows.row(head, c), 0, out, row.data());
                       for (int64_t i = 0; i < out; ++i) {
                         map[i * in + c] = row[static_cast<size_t>(i)];
                       }
                     }
                   });
}

Result<std::shared_ptr<const BackendForm>> CpuBackend::prepare_latents(const AttendMla& shape) {
  auto maps = std::make_shared<cpu::LatentMaps>();
  const int64_t heads = shape.heads;
  const int64_t nope = shape.qk_nope_head_dim;
  const int64_t rank = shape.kv_lora_rank;
  if (shape.k_b_transposed) {
    TRY_ASSIGN(maps->queries, map_of_rows(shape.k_b, heads, rank));
    TRY_ASSIGN(maps->keys, map_of_columns(shape.k_b, heads, rank));
  } else {
    TRY_ASSIGN(maps->keys, map_of_rows(shape.k_b, heads, nope));
    TRY_ASSIGN(maps->queries, map_of_columns(shape.k_b, heads, nope));
  }
  TRY_ASSIGN(maps->values, map_of_rows(shape.v_b, heads, shape.v_head_dim));
  return std::shared_ptr<const BackendForm>(std::move(maps));
}

}  // namespace hearth
