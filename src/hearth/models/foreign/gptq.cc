// GPTQ as AutoGPTQ and GPTQModel store it: codes of 4 or 8 bits, neighbouring inputs in a word.
//
//   X.qweight I32 [in * bits / 32, out]      lowest bits first
//   X.qzeros  I32 [groups, out * bits / 32]  version 1: zero - 1; version 2: zero
//   X.scales  F16 [groups, out]              value = (q - zero) * scale
//   X.g_idx   I32 [in]                       group of each input; with desc_act any permutation
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/models/foreign/grouped_integers.h"
#include "hearth/models/foreign/parts.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {
namespace {

struct GptqConfig {
  int bits = 4;
  int64_t group = 128;  // -1: all inputs
  int zero_offset = 1;  // version 1
  bool desc_act = false;
};

// Version 1 can't hold a zero of 0: tools read what its writers put there, all ones, either as 0 or
// as one more than the range.
Status check_zeros(const TensorEntry& entry, const PackedCodes& zeros, int64_t rows,
                   int64_t groups) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t group = 0; group < groups; ++group) {
      if (zeros.at(row, group) + 1 < 1 << zeros.bits) continue;
      return error(Code::unsupported,
                   "`{}`: row {}, group {}: expected a zero point that version 1 of GPTQ can hold, "
                   "found all bits set, which tools read differently",
                   entry.name, row, group);
    }
  }
  return Status::ok();
}

class GptqScheme final : public ForeignScheme {
 public:
  explicit GptqScheme(const GptqConfig& config) : config_(config) {}
  std::string name() const override { return fmt::format("GPTQ, {} bits", config_.bits); }
  std::span<const std::string_view> parts() const override {
    static constexpr std::array<std::string_view, 4> kParts = {"qweight", "qzeros", "scales",
                                                               "g_idx"};
    return kParts;
  }

  Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint, const std::string& module,
                                           const Shape& shape) const override {
    const Parts parts(checkpoint, module);
    if (!parts.find("qweight")) return std::optional<StoredMatrix>();
    TRY(refuse_both(parts));
    const int64_t out = shape[0];
    const int64_t in = shape[1];
    const int64_t group = config_.group < 0 ? in : config_.group;
    const int64_t per_word = 32 / config_.bits;
    if (out % per_word != 0 || in % per_word != 0 || in % group != 0) {
      return error(Code::corrupt,
                   "`{}`: expected whole words of {} codes and groups of {}, found {}", module,
                   per_word, group, shape.to_string());
    }
    const int64_t groups = in / group;
    TRY_ASSIGN(const TensorEntry* codes, parts.get("qweight", "I32", {in / per_word, out}));
    TRY_ASSIGN(const TensorEntry* zeros, parts.get("qzeros", "I32", {groups, out / per_word}));
    TRY_ASSIGN(const TensorEntry* scales, parts.get_floats("scales", {groups, out}));
    GroupedLayout layout;
    layout.shape = shape;
    layout.codes = {codes->tensor.data, config_.bits, 4, false, false, nullptr, 1, out};
    layout.zeros = {zeros->tensor.data, config_.bits, 4, true, false, nullptr, 1, out / per_word};
    layout.zero_offset = config_.zero_offset;
    layout.scales = {scales->tensor, 1, out, 1};
    layout.group = group;
    layout.bulk = {codes->tensor.data, static_cast<size_t>(codes->bytes)};
    layout.stored_bytes = codes->bytes + zeros->bytes + scales->bytes;
    if (config_.zero_offset == 1) TRY(check_zeros(*zeros, *layout.zeros, out, groups));
    TRY(set_order(parts, groups, layout));
    auto foreign = make_grouped_integers(layout);
    return std::optional(StoredMatrix{{foreign->home(), shape}, nullptr, foreign});
  }

 private:
  Status set_order(const Parts& parts, int64_t groups, GroupedLayout& layout) const {
    if (!parts.find("g_idx") && !config_.desc_act) return Status::ok();
    TRY_ASSIGN(const TensorEntry* g_idx, parts.get("g_idx", "I32", {layout.shape[1]}));
    TRY_ASSIGN(layout.group_of, read_group_order(*g_idx, layout.group, groups));
    layout.stored_bytes += g_idx->bytes;
    return Status::ok();
  }

  GptqConfig config_;
};

}  // namespace

SchemeResult make_gptq(const Json& quantization) {
  GptqConfig config;
  TRY_ASSIGN(const int64_t bits, json_int(quantization, "bits", 1, 32));
  if (bits != 4 && bits != 8) {
    return error(Code::unsupported, "GPTQ: expected 4 or 8 bits, found {}", bits);
  }
  config.bits = static_cast<int>(bits);
  TRY_ASSIGN(config.group, json_int_or(quantization, "group_size", 128, -1, 1 << 20));
  if (config.group == 0)
    return error(Code::corrupt, "`group_size`: expected -1 or a size, found 0");
  TRY_ASSIGN(config.desc_act, json_bool_or(quantization, "desc_act", false));
  TRY_ASSIGN(const bool marlin, json_bool_or(quantization, "is_marlin_format", false));
  TRY_ASSIGN(const std::string packing,
             json_string_or(quantization, "checkpoint_format", marlin ? "marlin" : "gptq"));
  if (!is_among(packing, {"gptq", "gptq_v2"})) {
    return error(Code::unsupported, "GPTQ: expected the packing gptq or gptq_v2, found `{}`",
                 excerpt(packing));
  }
  config.zero_offset = packing == "gptq" ? 1 : 0;
  return SchemeResult(std::make_shared<GptqScheme>(config));
}

}  // namespace hearth
