// AWQ as AutoAWQ's "gemm" kernels store it: eight four-bit codes of neighbouring outputs in a word,
// in an order of its own.
//
//   X.qweight I32 [in, out / 8]      nibble p of a word: output kOrder^-1(p) of the eight
//   X.qzeros  I32 [groups, out / 8]  the same
//   X.scales  F16 [groups, out]      value = (q - zero) * scale
#include <array>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"
#include "hearth/models/foreign/grouped_integers.h"
#include "hearth/models/foreign/parts.h"
#include "hearth/models/foreign/scheme.h"

namespace hearth {
namespace {

constexpr int64_t kPerWord = 8;
constexpr uint8_t kOrder[kPerWord] = {0, 4, 1, 5, 2, 6, 3, 7};  // nibble of each output

class AwqScheme final : public ForeignScheme {
 public:
  explicit AwqScheme(int64_t group) : group_(group) {}
  std::string name() const override { return "AWQ, 4 bits"; }
  std::span<const std::string_view> parts() const override {
    static constexpr std::array<std::string_view, 3> kParts = {"qweight", "qzeros", "scales"};
    return kParts;
  }

  Result<std::optional<StoredMatrix>> find(const Checkpoint& checkpoint, const std::string& module,
                                           const Shape& shape) const override {
    const Parts parts(checkpoint, module);
    if (!parts.find("qweight")) return std::optional<StoredMatrix>();
    TRY(refuse_both(parts));
    const int64_t out = shape[0];
    const int64_t in = shape[1];
    const int64_t group = group_ < 0 ? in : group_;
    if (out % kPerWord != 0 || in % group != 0) {
      return error(Code::corrupt, "`{}`: expected whole words of 8 rows and groups of {}, found {}",
                   module, group, shape.to_string());
    }
    const int64_t words = out / kPerWord;
    TRY_ASSIGN(const TensorEntry* codes, parts.get("qweight", "I32", {in, words}));
    TRY_ASSIGN(const TensorEntry* zeros, parts.get("qzeros", "I32", {in / group, words}));
    TRY_ASSIGN(const TensorEntry* scales, parts.get_floats("scales", {in / group, out}));
    GroupedLayout layout;
    layout.shape = shape;
    layout.codes = packed(*codes, words);
    layout.zeros = packed(*zeros, words);
    layout.scales = {scales->tensor, 1, out, 1};
    layout.group = group;
    layout.bulk = {codes->tensor.data, static_cast<size_t>(codes->bytes)};
    layout.stored_bytes = codes->bytes + zeros->bytes + scales->bytes;
    auto foreign = make_grouped_integers(layout);
    return std::optional(StoredMatrix{{foreign->home(), shape}, nullptr, foreign});
  }

 private:
  static PackedCodes packed(const TensorEntry& entry, int64_t words) {
    PackedCodes codes;
    codes.data = entry.tensor.data;
    codes.across_rows = true;
    codes.order = kOrder;
    codes.row_stride = 1;
    codes.column_stride = words;
    return codes;
  }

  int64_t group_;
};

}  // namespace

SchemeResult make_awq(const Json& quantization) {
  const char* bits_key = json_find(quantization, "w_bit") ? "w_bit" : "bits";
  TRY_ASSIGN(const int64_t bits, json_int(quantization, bits_key, 1, 32));
  if (bits != 4) return error(Code::unsupported, "AWQ: expected 4 bits, found {}", bits);
  TRY_ASSIGN(const std::string version, json_string_or(quantization, "version", "gemm"));
  if (!is_among(version, {"gemm", "GEMM"})) {
    return error(Code::unsupported, "AWQ: expected the packing `gemm`, found `{}`",
                 excerpt(version));
  }
  TRY_ASSIGN(const std::string backend, json_string_or(quantization, "backend", "autoawq"));
  if (!is_among(backend, {"autoawq"})) {
    return error(Code::unsupported, "AWQ: expected the packing of autoawq, found that of `{}`",
                 excerpt(backend));
  }
  TRY_ASSIGN(const bool zeros, json_bool_or(quantization, "zero_point", true));
  if (!zeros) return error(Code::unsupported, "AWQ: expected `zero_point` true, found false");
  const char* group_key = json_find(quantization, "q_group_size") ? "q_group_size" : "group_size";
  TRY_ASSIGN(const int64_t group, json_int_or(quantization, group_key, 128, -1, 1 << 20));
  if (group == 0) return error(Code::corrupt, "`{}`: expected -1 or a size, found 0", group_key);
  return SchemeResult(std::make_shared<AwqScheme>(group));
}

}  // namespace hearth
