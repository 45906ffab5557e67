// See scheme.h.
#include "hearth/models/foreign/scheme.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr const char* kKey = "quantization_config";
constexpr const char* kAdvice =
    "make a file that runs from the original BF16 checkpoint: hearth quantize ORIGINAL/ NAME.gguf "
    "--format q4_k_m";

struct Known {
  std::string_view method;  // quant_method
  SchemeResult (*make)(const Json& quantization);
};

constexpr Known kRun[] = {
    {"fp8", make_fp8},
    {"fbgemm_fp8", make_fbgemm},
    {"awq", make_awq},
    {"gptq", make_gptq},
    {"bitsandbytes", make_bitsandbytes},
    {"compressed-tensors", make_compressed_tensors},
};

// Known and not run, with what their users call them.
constexpr std::pair<std::string_view, std::string_view> kRefused[] = {
    {"aqlm", "AQLM, additive codebooks"},
    {"auto-round", "AutoRound"},
    {"autoround", "AutoRound"},
    {"bitnet", "BitNet, ternary weights"},
    {"eetq", "EETQ, int8"},
    {"exl2", "ExLlamaV2"},
    {"exl3", "ExLlamaV3"},
    {"fouroversix", "Four Over Six, NVFP4"},
    {"fp_quant", "FP-Quant, MXFP4 and NVFP4"},
    {"gguf", "GGUF inside a directory: open the .gguf file itself"},
    {"higgs", "HIGGS, Hadamard grids"},
    {"hqq", "HQQ, half-quadratic"},
    {"marlin", "Marlin, packed for one GPU kernel"},
    {"metal", "Metal affine groups"},
    {"mlx", "MLX affine groups"},
    {"modelopt", "NVIDIA ModelOpt, FP8 or NVFP4"},
    {"mxfp4", "MXFP4 of gpt-oss"},
    {"nvfp4", "NVFP4"},
    {"quanto", "Quanto"},
    {"quark", "AMD Quark"},
    {"quip", "QuIP#, lattice codebooks"},
    {"sinq", "SINQ, two scales"},
    {"spqr", "SpQR, sparse outliers"},
    {"torchao", "torchao"},
    {"vptq", "VPTQ, vector codebooks"},
};

// What any architecture stores of a module whatever the scheme. Static scales of a quantised KV
// cache (k_scale, v_scale) are not needed: the cache here has its own format.
constexpr std::string_view kPlainParts[] = {"weight",   "bias",    "e_score_correction_bias",
                                            "inv_freq", "k_scale", "v_scale"};

std::string run_names() {
  std::string names;
  for (const Known& known : kRun)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.method);
  return names;
}

Status refused(std::string_view method) {
  std::string_view what = "a scheme that Hearth does not know";
  for (const auto& [name, words] : kRefused) {
    if (name == method) what = words;
  }
  return error(Code::unsupported, "`quant_method`: expected one of {}, found `{}` ({})",
               run_names(), excerpt(method), what);
}

// bitsandbytes wrote no quant_method in its first year.
Result<std::string> method_of(const Json& quantization) {
  if (json_find(quantization, "quant_method")) return json_string(quantization, "quant_method");
  for (const char* key : {"load_in_8bit", "load_in_4bit"}) {
    if (json_find(quantization, key)) return std::string("bitsandbytes");
  }
  return json_string(quantization, "quant_method");
}

SchemeResult make(const Json& config) {
  TRY_ASSIGN(const Json* quantization, json_object(config, kKey));
  TRY_ASSIGN(const std::string method, method_of(*quantization));
  for (const Known& known : kRun) {
    if (known.method == method) return known.make(*quantization);
  }
  return refused(method);
}

Status with_advice(Status status) {
  if (status.code() != Code::unsupported) return status;
  return {status.code(), fmt::format("{}; {}", status.message(), kAdvice)};
}

// "weight.absmax" of "model.x.weight.absmax", "qweight" of "model.x.qweight".
std::string_view part_of(std::string_view name) {
  const size_t inside = name.find(".weight.");
  if (inside != name.npos) return name.substr(inside + 1);
  const size_t dot = name.rfind('.');
  return dot == name.npos ? name : name.substr(dot + 1);
}

// A part that nobody reads would change what the others mean: it must not be passed over.
Status check_parts(const Checkpoint& checkpoint, const ForeignScheme& scheme) {
  for (const TensorEntry& entry : checkpoint.tensors()) {
    const std::string_view part = part_of(entry.name);
    if (std::ranges::find(kPlainParts, part) != std::end(kPlainParts)) continue;
    if (std::ranges::find(scheme.parts(), part) != scheme.parts().end()) continue;
    return error(Code::unsupported, "`{}`: expected the parts of {}, found `{}`, which it lacks",
                 entry.name, scheme.name(), part);
  }
  return Status::ok();
}

}  // namespace

SchemeResult foreign_scheme(const Json& config) {
  if (!json_find(config, kKey)) return std::shared_ptr<const ForeignScheme>();
  auto scheme = make(config);
  if (scheme) return scheme;
  return with_advice(std::move(scheme).status().at(kKey));
}

SchemeResult foreign_scheme(const Checkpoint& checkpoint) {
  if (!checkpoint.config()) return std::shared_ptr<const ForeignScheme>();
  auto scheme = foreign_scheme(*checkpoint.config());
  if (!scheme) return std::move(scheme).status().at("config.json");
  if (!*scheme) return scheme;
  Status explained = check_parts(checkpoint, **scheme);
  if (!explained.is_ok()) return with_advice(std::move(explained));
  return scheme;
}

}  // namespace hearth
