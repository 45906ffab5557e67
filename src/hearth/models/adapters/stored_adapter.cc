// See stored_adapter.h.
#include "hearth/models/adapters/stored_adapter.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// The halves of each delta by the name of what they change, in the order of names.
struct Halves {
  const TensorEntry* a = nullptr;
  const TensorEntry* b = nullptr;
};
using HalvesByName = std::map<std::string, Halves>;

// "X.lora_A.weight" is half A of X.
bool take_half(const TensorEntry& entry, std::string_view prefix, std::string_view a_end,
               std::string_view b_end, HalvesByName& halves) {
  std::string_view name = entry.name;
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  const bool is_a = name.ends_with(a_end);
  if (!is_a && !name.ends_with(b_end)) return false;
  name.remove_suffix(is_a ? a_end.size() : b_end.size());
  if (name.empty()) return false;
  Halves& of = halves[std::string(name)];
  (is_a ? of.a : of.b) = &entry;
  return true;
}

// What a tensor beside the deltas is, where that is known.
std::string_view what_it_is(std::string_view name) {
  if (name.find("lora_magnitude_vector") != name.npos) return "a magnitude of DoRA";
  if (name.find("lora_embedding_") != name.npos) return "a delta of an embedding";
  if (name.ends_with(".bias")) return "a bias";
  return "another tensor";
}

Status unknown_tensor(const TensorEntry& entry) {
  return error(Code::unsupported, "`{}`: expected a half of a linear's delta, found {}", entry.name,
               what_it_is(entry.name));
}

Status check_halves(const std::string& name, const Halves& halves) {
  if (!halves.a || !halves.b) {
    return error(Code::corrupt, "`{}`: expected both halves of a delta, found {} alone", name,
                 halves.a ? "A" : "B");
  }
  return check_delta(*halves.a, *halves.b);
}

Status check_half(const TensorEntry& entry) {
  const Shape& shape = entry.tensor.shape;
  if (!entry.format || *entry.format == Format::f8_e4m3) {
    return error(Code::unsupported, "`{}`: format {} is not supported", entry.name, entry.dtype);
  }
  if (shape.rank() != 2 || shape.elements() == 0) {
    return error(Code::corrupt, "`{}`: expected a matrix, found {}", entry.name, shape.to_string());
  }
  return Status::ok();
}

// A directory or file that people give by mistake.
Status no_adapter(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return error(Code::not_found, "{}: no such path", path);
  if (fs::exists(fs::path(path) / "adapter_model.bin", ignored)) {
    return error(Code::unsupported, "{}: expected {}, found adapter_model.bin, a pickle", path,
                 kAdapterWeightsFile);
  }
  return error(Code::invalid, "{}: expected a directory with {} and {}, or a GGUF file", path,
               kAdapterConfigFile, kAdapterWeightsFile);
}

}  // namespace

Status check_delta(const TensorEntry& a, const TensorEntry& b) {
  TRY(check_half(a));
  TRY(check_half(b));
  const int64_t rank = a.tensor.rows();
  if (rank > kAdapterRankMax) {
    return error(Code::unsupported, "`{}`: expected a rank of at most {}, found {}", a.name,
                 kAdapterRankMax, rank);
  }
  if (b.tensor.columns() != rank) {
    return error(Code::corrupt, "`{}`: expected [.., {}], the rank of its other half, found {}",
                 b.name, rank, b.tensor.shape.to_string());
  }
  return Status::ok();
}

Result<StoredAdapter> StoredAdapter::from_peft(const Json& config, Safetensors weights) {
  StoredAdapter out;
  TRY(check_peft_config(config));
  TRY_ASSIGN(out.base_, json_string_or(config, "base_model_name_or_path", ""));
  out.safetensors_ = std::make_unique<Safetensors>(std::move(weights));
  HalvesByName halves;
  for (const TensorEntry& entry : out.safetensors_->tensors()) {
    if (!take_half(entry, "base_model.model.", ".lora_A.weight", ".lora_B.weight", halves)) {
      return unknown_tensor(entry);
    }
  }
  for (const auto& [module, of] : halves) {
    TRY(check_halves(module, of));
    TRY_ASSIGN(const PeftScale scale, peft_scale(config, module));
    if (of.a->tensor.rows() != scale.rank) {
      return error(Code::corrupt, "`{}`: expected the rank {} of adapter_config.json, found {}",
                   of.a->name, scale.rank, of.a->tensor.rows());
    }
    out.deltas_.push_back({module + ".weight", of.a->tensor, of.b->tensor, scale.scale});
  }
  if (out.deltas_.empty()) return error(Code::corrupt, "expected deltas, found no tensor");
  return out;
}

// llama.cpp: a scale of alpha / rank; an alpha of 0 means that there is none.
Result<StoredAdapter> StoredAdapter::from_gguf(Gguf file) {
  StoredAdapter out;
  out.gguf_ = std::make_unique<Gguf>(std::move(file));
  const Gguf& gguf = *out.gguf_;
  TRY_ASSIGN(const std::string_view type, gguf.get_string("general.type"));
  TRY_ASSIGN(const std::optional<std::string_view> adapter, gguf.opt_string("adapter.type"));
  if (type != "adapter" || adapter.value_or("") != "lora") {
    return error(Code::invalid,
                 "expected `general.type` = adapter and `adapter.type` = lora, found {} and {}",
                 excerpt(type), excerpt(adapter.value_or("none")));
  }
  if (gguf.find_value("adapter.alora.invocation_tokens")) {
    return error(Code::unsupported,
                 "`adapter.alora.invocation_tokens`: expected nothing, found it");
  }
  TRY_ASSIGN(const std::string_view architecture, gguf.get_string("general.architecture"));
  out.architecture_ = architecture;
  TRY_ASSIGN(const auto base, gguf.opt_string("general.base_model.0.name"));
  out.base_ = base.value_or("");
  TRY_ASSIGN(const float alpha, gguf.get_f32("adapter.lora.alpha"));
  if (!(alpha >= 0 && alpha <= 1e6f)) {
    return error(Code::corrupt, "`adapter.lora.alpha`: expected a number in [0, 1e6], found {}",
                 alpha);
  }
  HalvesByName halves;
  for (const TensorEntry& entry : gguf.tensors()) {
    if (!take_half(entry, "", ".lora_a", ".lora_b", halves)) return unknown_tensor(entry);
  }
  for (const auto& [weight, of] : halves) {
    TRY(check_halves(weight, of));
    const auto rank = static_cast<double>(of.a->tensor.rows());
    out.deltas_.push_back({weight, of.a->tensor, of.b->tensor, alpha > 0 ? alpha / rank : 1.0});
  }
  if (out.deltas_.empty()) return error(Code::corrupt, "expected deltas, found no tensor");
  return out;
}

Result<StoredAdapter> StoredAdapter::open(const std::string& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) {
    auto file = Gguf::open(path);
    if (!file) return std::move(file).status();
    auto out = from_gguf(*std::move(file));
    if (!out) return std::move(out).status().at(path);
    return out;
  }
  const std::string config_path = fmt::format("{}/{}", path, kAdapterConfigFile);
  const std::string weights_path = fmt::format("{}/{}", path, kAdapterWeightsFile);
  if (!fs::exists(config_path, ignored) || !fs::exists(weights_path, ignored)) {
    return no_adapter(path);
  }
  TRY_ASSIGN(const Json config, read_json_file(config_path));
  TRY(check_peft_config(config).at(config_path));
  TRY_ASSIGN(Safetensors weights, Safetensors::open(weights_path));
  auto out = from_peft(config, std::move(weights));
  if (!out) return std::move(out).status().at(path);
  return out;
}

}  // namespace hearth
