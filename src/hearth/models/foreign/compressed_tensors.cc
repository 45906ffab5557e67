// compressed-tensors (llm-compressor): the tensors of a module say how it is packed, the config
// only which packings may occur.
//
//   float-quantized  X.weight F8_E4M3 [out, in], X.weight_scale [1], [out, 1] or of 128x128 tiles
//   int-quantized    X.weight I8 [out, in], X.weight_scale [1] or [out, groups],
//                    X.weight_zero_point I8 of the same shape, where asymmetric
//   pack-quantized   X.weight_packed I32 [out, in * bits / 32], lowest bits first, codes +
//   2^(bits-1)
//                    X.weight_scale [out, groups], X.weight_shape [2] = out, in
//                    X.weight_zero_point I32 [out * bits / 32, groups], X.weight_g_idx I32 [in]
#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/models/foreign/grouped_integers.h"
#include "hearth/models/foreign/parts.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {
namespace {

constexpr std::string_view kFormats[] = {"float-quantized", "int-quantized", "naive-quantized",
                                         "pack-quantized", "dense"};

// Scales of integers: one, or one for each row and group; sets the group's width.
Status set_scales(const Parts& parts, GroupedLayout& layout) {
  const int64_t out = layout.shape[0];
  const int64_t in = layout.shape[1];
  const TensorEntry* found = parts.find("weight_scale");
  const int64_t groups = found && found->tensor.shape.rank() == 2 ? found->tensor.shape[1] : 1;
  if (groups < 1 || in % groups != 0) {
    return error(Code::corrupt, "`{}`: expected groups that divide {} columns, found {}",
                 parts.name("weight_scale"), in, groups);
  }
  TRY_ASSIGN(const TensorEntry* scale, parts.get_floats("weight_scale", {{out, groups}, {1}, {}}));
  layout.group = in / groups;
  layout.scales = {scale->tensor, groups, 1, 1};
  if (scale->tensor.shape.rank() < 2) layout.scales.row_stride = layout.scales.group_stride = 0;
  layout.stored_bytes += scale->bytes;
  return Status::ok();
}

Result<StoredMatrix> find_int8(const Parts& parts, const Shape& shape) {
  TRY_ASSIGN(const TensorEntry* codes, parts.get("weight", "I8", shape));
  GroupedLayout layout;
  layout.shape = shape;
  layout.codes = {codes->tensor.data, 8, 1, false, true, nullptr, shape[1], 1};
  layout.bulk = {codes->tensor.data, static_cast<size_t>(codes->bytes)};
  layout.stored_bytes = codes->bytes;
  TRY(set_scales(parts, layout));
  if (parts.find("weight_zero_point")) {
    const bool one = layout.scales.row_stride == 0;
    const int64_t groups = shape[1] / layout.group;
    const Shape expected = one ? Shape{1} : Shape{shape[0], groups};
    TRY_ASSIGN(const TensorEntry* zeros, parts.get("weight_zero_point", "I8", expected));
    layout.zeros = {zeros->tensor.data, 8, 1, false, true, nullptr, one ? 0 : groups, one ? 0 : 1};
    layout.stored_bytes += zeros->bytes;
  }
  auto foreign = make_grouped_integers(layout);
  return StoredMatrix{{foreign->home(), shape}, nullptr, foreign};
}

// The stored shape must be the one that the config of the model promises.
Status check_shape(const Parts& parts, const Shape& shape) {
  const TensorEntry* entry = parts.find("weight_shape");
  if (!entry) return Status::ok();
  const bool wide = entry->dtype == "I64";
  TRY(parts.get("weight_shape", wide ? "I64" : "I32", {2}));
  for (int i = 0; i < 2; ++i) {
    int64_t size = 0;  // little endian: the lower half of a wide one is the narrow one
    std::memcpy(&size, entry->tensor.data + i * (wide ? 8 : 4), wide ? 8 : 4);
    if (size == shape[i]) continue;
    return error(Code::corrupt, "`{}`: expected {}, found {} at {}", entry->name, shape.to_string(),
                 size, i);
  }
  return Status::ok();
}

// The width that makes so many words of a row; 0: none that is run.
int bits_of(const TensorEntry& packed, int64_t in) {
  for (const int bits : {4, 8}) {
    if (packed.tensor.shape.columns() == ceil_div(in, int64_t{32 / bits})) return bits;
  }
  return 0;
}

Status set_order(const Parts& parts, GroupedLayout& layout) {
  if (!parts.find("weight_g_idx")) return Status::ok();
  TRY_ASSIGN(const TensorEntry* g_idx, parts.get("weight_g_idx", "I32", {layout.shape[1]}));
  const int64_t groups = layout.shape[1] / layout.group;
  TRY_ASSIGN(layout.group_of, read_group_order(*g_idx, layout.group, groups));
  layout.stored_bytes += g_idx->bytes;
  return Status::ok();
}

Result<StoredMatrix> find_packed(const Parts& parts, const Shape& shape) {
  TRY(refuse_both(parts));
  TRY(check_shape(parts, shape));
  const TensorEntry* packed = parts.find("weight_packed");
  const int bits = bits_of(*packed, shape[1]);
  if (bits == 0) {
    return error(Code::unsupported, "`{}`: expected codes of 4 or 8 bits, found {} {} for {}",
                 packed->name, packed->dtype, packed->tensor.shape.to_string(), shape.to_string());
  }
  const int64_t per_word = 32 / bits;
  const int64_t words = ceil_div(shape[1], per_word);
  TRY_ASSIGN(const TensorEntry* codes, parts.get("weight_packed", "I32", {shape[0], words}));
  GroupedLayout layout;
  layout.shape = shape;
  layout.codes = {codes->tensor.data, bits, 4, false, false, nullptr, words, 1};
  layout.bulk = {codes->tensor.data, static_cast<size_t>(codes->bytes)};
  layout.stored_bytes = codes->bytes;
  TRY(set_scales(parts, layout));
  if (parts.find("weight_zero_point")) {
    const int64_t groups = shape[1] / layout.group;
    TRY_ASSIGN(const TensorEntry* zeros,
               parts.get("weight_zero_point", "I32", {ceil_div(shape[0], per_word), groups}));
    layout.zeros = {zeros->tensor.data, bits, 4, true, false, nullptr, groups, 1};
    layout.stored_bytes += zeros->bytes;
  }
  TRY(set_order(parts, layout));
  auto foreign = make_grouped_integers(layout);
  return StoredMatrix{{foreign->home(), shape}, nullptr, foreign};
}

class CompressedScheme final : public ForeignScheme {
 public:
  explicit CompressedScheme(std::string format) : format_(std::move(format)) {}
  std::string name() const override { return "compressed-tensors, " + format_; }
  std::span<const std::string_view> parts() const override {
    static constexpr std::array<std::string_view, 9> kParts = {
        "weight_scale", "weight_zero_point", "weight_packed", "weight_shape",     "weight_g_idx",
        "input_scale",  "input_zero_point",  "output_scale",  "output_zero_point"};
    return kParts;
  }

  Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint, const std::string& module,
                                           const Shape& shape) const override {
    const Parts parts(checkpoint, module);
    const TensorEntry* weight = parts.find("weight");
    const bool packed = parts.find("weight_packed") != nullptr;
    if (!packed && (!weight || (is_plain_float(*weight) && !parts.find("weight_scale")))) {
      return std::optional<StoredMatrix>();
    }
    auto found = find_kind(parts, packed, weight && weight->dtype == "I8", shape);
    if (!found) return std::move(found).status();
    return std::optional(*std::move(found));
  }

 private:
  static Result<StoredMatrix> find_kind(const Parts& parts, bool packed, bool integers,
                                        const Shape& shape) {
    if (packed) return find_packed(parts, shape);
    if (integers) return find_int8(parts, shape);
    if (!parts.find("weight_zero_point")) return find_f8(parts, "weight_scale", shape);
    return error(Code::unsupported, "`{}`: expected FP8 without zero points, found some",
                 parts.name("weight_zero_point"));
  }

  std::string format_;
};

Status check_format(const Json& holder) {
  TRY_ASSIGN(const std::string format, json_string(holder, "format"));
  if (std::ranges::find(kFormats, format) != std::end(kFormats)) return Status::ok();
  return error(Code::unsupported,
               "compressed-tensors: expected float-quantized, int-quantized, naive-quantized or "
               "pack-quantized, found `{}`",
               excerpt(format));
}

// Mixed packings name theirs group by group.
Status check_groups(const Json& quantization, bool mixed) {
  TRY_ASSIGN(const Json* groups, json_object(quantization, "config_groups"));
  for (const auto& [name, group] : groups->items()) {
    if (!group.is_object()) {
      return error(Code::corrupt, "`config_groups`: expected objects, found {}",
                   json_excerpt(group));
    }
    if (mixed || json_find(group, "format")) TRY(check_format(group));
  }
  return Status::ok();
}

// Weights that were rotated or thinned out mean something else than what is stored.
Status refuse_beyond(const Json& quantization) {
  const Json* rotated = json_find(quantization, "transform_config");
  if (rotated && !rotated->empty()) {
    return error(Code::unsupported,
                 "compressed-tensors: expected no `transform_config`, found rotations (QuIP, "
                 "SpinQuant)");
  }
  const Json* sparse = json_find(quantization, "sparsity_config");
  if (!sparse || sparse->empty()) return Status::ok();
  TRY_ASSIGN(const std::string format, json_string(*sparse, "format"));
  if (format == "dense") return Status::ok();
  return error(Code::unsupported, "compressed-tensors: expected dense weights, found `{}`",
               excerpt(format));
}

}  // namespace

SchemeResult make_compressed_tensors(const Json& quantization) {
  TRY(refuse_beyond(quantization));
  TRY_ASSIGN(const std::string format, json_string(quantization, "format"));
  const bool mixed = format == "mixed-precision";
  if (!mixed) TRY(check_format(quantization));
  TRY(check_groups(quantization, mixed));
  return SchemeResult(std::make_shared<CompressedScheme>(format));
}

}  // namespace hearth
