// bitsandbytes, as transformers saves it.
//
//   LLM.int8   X.weight I8 [out, in], X.SCB F32 [out]        value = q * SCB / 127
//   nf4, fp4   X.weight U8 [n / 2, 1]                        two codes a byte, the first one high
//              X.weight.quant_map F32 [16]                   value = quant_map[code] * absmax
//              X.weight.absmax F32 [n / blocksize]           of each block of the flat weight, or
//              X.weight.absmax U8, nested_quant_map F32 [256], nested_absmax F32
//                                                            absmax = map[code] * nested + offset
//              X.weight.quant_state.bitsandbytes__nf4 U8     JSON: sizes, shape and that offset
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "hearth/base/checked_math.h"
#include "hearth/files/outside_bytes.h"
#include "hearth/models/foreign/grouped_integers.h"
#include "hearth/models/foreign/parts.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {
namespace {

constexpr float kInt8Step = 1.0f / 127;
constexpr int64_t kStateMax = 1 << 16;  // bytes of the JSON

// Absolute maxima of blocks, plain or quantised themselves.
struct BlockMaxima {
  int64_t block = 64;
  const TensorEntry* values = nullptr;         // F32, or U8 codes
  const TensorEntry* nested_map = nullptr;     // then this,
  const TensorEntry* nested_absmax = nullptr;  // this
  int64_t nested_block = 256;
  float offset = 0;

  float at(int64_t index) const {
    if (!nested_map) return float_at(values->tensor, index);
    const auto code = std::to_integer<int64_t>(values->tensor.data[index]);
    const float scaled =
        float_at(nested_map->tensor, code) * float_at(nested_absmax->tensor, index / nested_block);
    return scaled + offset;
  }
};

class Nf4Weight final : public ForeignWeight {
 public:
  Nf4Weight(const Shape& shape, const TensorEntry& codes, const TensorEntry& map,
            const BlockMaxima& maxima)
      : ForeignWeight(shape, home_for(Format::q8_0, shape.columns())),
        codes_(codes.tensor.data),
        maxima_(maxima) {
    for (size_t i = 0; i < levels_.size(); ++i) {
      levels_[i] = float_at(map.tensor, static_cast<int64_t>(i));
    }
    set_stored({codes_, static_cast<size_t>(codes.bytes)}, codes.bytes + maxima.values->bytes);
  }

  void decode(const Window& window, float* out) const override {
    for (int64_t r = 0; r < window.rows; ++r) {
      const int64_t begin = (window.row + r) * shape().columns() + window.column;
      int64_t block = -1;
      float most = 0;
      for (int64_t i = begin; i < begin + window.columns; ++i) {
        if (i / maxima_.block != block) {
          block = i / maxima_.block;
          most = maxima_.at(block);
        }
        const auto pair = std::to_integer<unsigned>(codes_[i / 2]);
        *out++ = levels_[i % 2 == 0 ? pair >> 4 : pair & 15u] * most;
      }
    }
  }

 private:
  const std::byte* codes_;
  std::array<float, 16> levels_{};
  BlockMaxima maxima_;
};

Result<Json> read_state(const TensorEntry& entry) {
  if (entry.dtype != "U8" || entry.tensor.shape.rank() != 1 || entry.bytes > kStateMax) {
    return error(Code::corrupt, "expected U8 [at most {}], found {} {}", kStateMax, entry.dtype,
                 entry.tensor.shape.to_string());
  }
  TRY_ASSIGN(Json state, parse_json({reinterpret_cast<const char*>(entry.tensor.data),
                                     static_cast<size_t>(entry.bytes)}));
  if (!state.is_object()) return error(Code::corrupt, "expected a JSON object");
  return state;
}

Result<BlockMaxima> read_maxima(const Parts& parts, const Json& state, int64_t elements) {
  BlockMaxima maxima;
  TRY_ASSIGN(maxima.block, json_int(state, "blocksize", 2, 1 << 20));
  const int64_t blocks = ceil_div(elements, maxima.block);
  const TensorEntry* absmax = parts.find("weight.absmax");
  if (!absmax || absmax->dtype != "U8") {
    TRY_ASSIGN(maxima.values, parts.get("weight.absmax", "F32", {blocks}));
    return maxima;
  }
  TRY_ASSIGN(maxima.values, parts.get("weight.absmax", "U8", {blocks}));
  TRY_ASSIGN(maxima.nested_block, json_int(state, "nested_blocksize", 1, 1 << 20));
  TRY_ASSIGN(const double offset, json_number(state, "nested_offset", -1e30, 1e30));
  maxima.offset = static_cast<float>(offset);
  TRY_ASSIGN(maxima.nested_map, parts.get("weight.nested_quant_map", "F32", {256}));
  TRY_ASSIGN(maxima.nested_absmax,
             parts.get("weight.nested_absmax", "F32", {ceil_div(blocks, maxima.nested_block)}));
  return maxima;
}

Status check_state(const Json& state, const std::string& type, const Shape& shape) {
  TRY_ASSIGN(const std::string found, json_string(state, "quant_type"));
  if (found != type) {
    return error(Code::corrupt, "`quant_type`: expected {}, found `{}`", type, excerpt(found));
  }
  TRY_ASSIGN(const Json* sizes, json_array(state, "shape"));
  if (*sizes == Json::array({shape[0], shape[1]})) return Status::ok();
  return error(Code::corrupt, "`shape`: expected {}, found {}", shape.to_string(),
               json_excerpt(*sizes));
}

Result<StoredMatrix> find_nf4(const Parts& parts, const std::string& type, const Shape& shape) {
  const int64_t elements = shape.elements();
  TRY_ASSIGN(const TensorEntry* codes,
             parts.get("weight", "U8", {ceil_div(elements, int64_t{2}), 1}));
  TRY_ASSIGN(const TensorEntry* map, parts.get("weight.quant_map", "F32", {16}));
  const std::string state_part = "weight.quant_state.bitsandbytes__" + type;
  const TensorEntry* entry = parts.find(state_part);
  if (!entry) {
    return error(Code::corrupt, "`{}`: expected beside `weight`, found none",
                 parts.name(state_part));
  }
  auto state = read_state(*entry);
  if (!state) return std::move(state).status().at(entry->name);
  TRY(check_state(*state, type, shape).at(entry->name));
  auto maxima = read_maxima(parts, *state, elements);
  if (!maxima) return std::move(maxima).status().at(entry->name);
  auto foreign = std::make_shared<Nf4Weight>(shape, *codes, *map, *maxima);
  return StoredMatrix{{foreign->home(), shape}, nullptr, foreign};
}

Result<StoredMatrix> find_int8(const Parts& parts, const Shape& shape) {
  TRY_ASSIGN(const TensorEntry* codes, parts.get("weight", "I8", shape));
  TRY_ASSIGN(const TensorEntry* scales, parts.get("SCB", "F32", {shape[0]}));
  if (const TensorEntry* packing = parts.find("weight_format")) {
    const bool row = packing->dtype == "U8" && packing->bytes == 1 &&
                     std::to_integer<int>(packing->tensor.data[0]) == 0;
    if (!row) {
      return error(Code::unsupported, "`{}`: expected U8 0 (rows in order), found another packing",
                   packing->name);
    }
  }
  GroupedLayout layout;
  layout.shape = shape;
  layout.codes = {codes->tensor.data, 8, 1, false, true, nullptr, shape[1], 1};
  layout.scales = {scales->tensor, 1, 0, kInt8Step};
  layout.group = shape[1];
  layout.bulk = {codes->tensor.data, static_cast<size_t>(codes->bytes)};
  layout.stored_bytes = codes->bytes + scales->bytes;
  auto foreign = make_grouped_integers(layout);
  return StoredMatrix{{foreign->home(), shape}, nullptr, foreign};
}

class BitsAndBytesScheme final : public ForeignScheme {
 public:
  explicit BitsAndBytesScheme(std::string type) : type_(std::move(type)) {}
  std::string name() const override {
    return "bitsandbytes, " + (type_.empty() ? std::string("LLM.int8") : type_);
  }
  std::span<const std::string_view> parts() const override {
    static constexpr std::array<std::string_view, 8> kParts = {
        "SCB",
        "weight_format",
        "weight.absmax",
        "weight.quant_map",
        "weight.nested_absmax",
        "weight.nested_quant_map",
        "weight.quant_state.bitsandbytes__nf4",
        "weight.quant_state.bitsandbytes__fp4"};
    return kParts;
  }

  Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint, const std::string& module,
                                           const Shape& shape) const override {
    const Parts parts(checkpoint, module);
    const TensorEntry* weight = parts.find("weight");
    const bool plain = weight && is_plain_float(*weight);
    if (!weight || (plain && !parts.find("SCB") && !parts.find("weight.absmax"))) {
      return std::optional<StoredMatrix>();
    }
    auto found = type_.empty() ? find_int8(parts, shape) : find_nf4(parts, type_, shape);
    if (!found) return std::move(found).status();
    return std::optional(*std::move(found));
  }

 private:
  std::string type_;  // of four bits; "": LLM.int8
};

}  // namespace

SchemeResult make_bitsandbytes(const Json& quantization) {
  TRY_ASSIGN(const bool four, json_bool_or(quantization, "load_in_4bit", false));
  TRY_ASSIGN(const bool eight, json_bool_or(quantization, "load_in_8bit", false));
  if (four == eight) {
    return error(Code::corrupt, "bitsandbytes: expected one of load_in_4bit and load_in_8bit");
  }
  if (eight) return SchemeResult(std::make_shared<BitsAndBytesScheme>(""));
  TRY_ASSIGN(const std::string type, json_string_or(quantization, "bnb_4bit_quant_type", "fp4"));
  if (!is_among(type, {"nf4", "fp4"})) {
    return error(Code::unsupported, "`bnb_4bit_quant_type`: expected nf4 or fp4, found `{}`",
                 excerpt(type));
  }
  return SchemeResult(std::make_shared<BitsAndBytesScheme>(type));
}

}  // namespace hearth
