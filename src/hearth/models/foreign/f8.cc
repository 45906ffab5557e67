// F8_E4M3 with scales that multiply: `quant_method` fp8 (one scale a tensor, or DeepSeek's tiles,
// which the checkpoint has joined already), FBGEMM's (one a row), and compressed-tensors' use of
// both. One scale becomes the scale of every tile, so that the weights stay a view of the file.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/formats/codec.h"
#include "hearth/models/foreign/parts.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {
namespace {

// A scale for each row has no home of one byte a weight: Q8_0 by value.
class RowScaledF8 final : public ForeignWeight {
 public:
  RowScaledF8(const TensorEntry& weight, const TensorEntry& scale)
      : ForeignWeight(weight.tensor.shape, home_for(Format::q8_0, weight.tensor.columns())),
        weight_(weight.tensor),
        scale_(scale.tensor) {
    set_stored({weight_.data, static_cast<size_t>(weight.bytes)}, weight.bytes + scale.bytes);
  }

  void decode(const Window& window, float* out) const override {
    for (int64_t r = 0; r < window.rows; ++r, out += window.columns) {
      decode_row(weight_, window.row + r, window.column, window.columns, out);
      const float scale = float_at(scale_, window.row + r);
      for (int64_t c = 0; c < window.columns; ++c) out[c] *= scale;
    }
  }

 private:
  Tensor weight_;
  Tensor scale_;
};

StoredMatrix with_tiles(const Tensor& weight, const Tensor& scale) {
  const int64_t columns = ceil_div(weight.columns(), kScaleTile);
  const int64_t tiles = ceil_div(weight.rows(), kScaleTile) * columns;
  auto buffer = std::make_shared<Buffer>(tiles * 4);
  auto* values = reinterpret_cast<float*>(buffer->data());
  const bool one = scale.shape.elements() == 1;
  for (int64_t i = 0; i < tiles; ++i) values[i] = float_at(scale, one ? 0 : i);
  StoredMatrix found{weight, buffer, nullptr};
  found.tensor.scales = values;
  found.tensor.scale_columns = columns;
  return found;
}

class F8Scheme final : public ForeignScheme {
 public:
  explicit F8Scheme(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::span<const std::string_view> parts() const override {
    // Scales of activations: ours are rounded by their own, or not at all.
    static constexpr std::array<std::string_view, 6> kParts = {
        "weight_scale",   "weight_scale_inv", "input_scale",
        "input_scale_ub", "activation_scale", "act_scale"};
    return kParts;
  }

  Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint, const std::string& module,
                                           const Shape& shape) const override {
    const Parts parts(checkpoint, module);
    const TensorEntry* weight = parts.find("weight");
    const bool short_name = parts.find("weight_scale") != nullptr;
    const bool long_name = parts.find("weight_scale_inv") != nullptr;
    if (short_name && long_name) {
      return error(Code::corrupt, "`{}`: expected weight_scale or weight_scale_inv, found both",
                   module);
    }
    const bool joined = weight && weight->tensor.scales && !short_name;  // DeepSeek's tiles
    const bool plain = weight && weight->format != Format::f8_e4m3 && !short_name && !long_name;
    if (!weight || joined || plain) return std::optional<StoredMatrix>();
    const char* scale = short_name ? "weight_scale" : "weight_scale_inv";
    TRY_ASSIGN(StoredMatrix found, find_f8(parts, scale, shape));
    return std::optional(std::move(found));
  }

 private:
  std::string name_;
};

}  // namespace

Result<StoredMatrix> find_f8(const Parts& parts, std::string_view scale_part, const Shape& shape) {
  TRY_ASSIGN(const TensorEntry* weight, parts.get("weight", "F8_E4M3", shape));
  const int64_t rows = shape[0];
  const Shape tiles = {ceil_div(rows, kScaleTile), ceil_div(shape[1], kScaleTile)};
  TRY_ASSIGN(const TensorEntry* scale,
             parts.get_floats(scale_part, {{}, {1}, {1, 1}, tiles, {rows, 1}, {rows}}));
  for (int64_t i = 0; i < scale->tensor.shape.elements(); ++i) {
    const float value = float_at(scale->tensor, i);
    if (std::isfinite(value)) continue;
    return error(Code::corrupt, "`{}`: expected finite scales, found {}", parts.name(scale_part),
                 value);
  }
  Tensor values = weight->tensor;
  values.scales = nullptr;
  if (scale->tensor.shape.elements() == 1 || scale->tensor.shape == tiles) {
    return with_tiles(values, scale->tensor);
  }
  auto foreign = std::make_shared<RowScaledF8>(*weight, *scale);
  return StoredMatrix{{foreign->home(), shape}, nullptr, foreign};
}

SchemeResult make_fp8(const Json& quantization) {
  const Json* block = json_find(quantization, "weight_block_size");
  if (block && *block != Json::array({kScaleTile, kScaleTile})) {
    return error(Code::unsupported, "`weight_block_size`: expected [128, 128] or null, found {}",
                 json_excerpt(*block));
  }
  TRY_ASSIGN(const std::string kind, json_string_or(quantization, "fmt", "e4m3"));
  if (!is_among(kind, {"e4m3", "float8_e4m3fn"})) {
    return error(Code::unsupported, "`fmt`: expected e4m3, found `{}`", excerpt(kind));
  }
  return SchemeResult(std::make_shared<F8Scheme>(block ? "FP8, a scale for 128x128 weights"
                                                       : "FP8, a scale for each tensor"));
}

SchemeResult make_fbgemm(const Json&) {
  return SchemeResult(std::make_shared<F8Scheme>("FBGEMM FP8, a scale for each row"));
}

}  // namespace hearth
