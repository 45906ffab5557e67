// An adapter on disk: what PEFT saves (a directory with adapter_config.json and
// adapter_model.safetensors), or a GGUF file as llama.cpp converts one. It is held to its own rules
// here; which model it fits is the question of match_adapter.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/status.h"
#include "hearth/files/checkpoint.h"
#include "hearth/files/safetensors/safetensors.h"

namespace hearth {

inline constexpr int64_t kAdapterRankMax = 4096;
// What a PEFT directory holds.
inline constexpr std::string_view kAdapterConfigFile = "adapter_config.json";
inline constexpr std::string_view kAdapterWeightsFile = "adapter_model.safetensors";

// y += scale * b (a x) for one weight. Views of the file, in any format that has a codec.
struct StoredDelta {
  std::string weight;  // its name in a checkpoint of the adapter's kind
  Tensor a;            // [rank, in]
  Tensor b;            // [out, rank]
  double scale = 1;
};

// Owner of the mapping. Move-only, thread-safe (const).
class StoredAdapter {
 public:
  // not_found, corrupt; unsupported: a kind of adapter, or a part of one, that changes more than
  // sums of low rank in linears do. The line names the key or tensor.
  static Result<StoredAdapter> open(const std::string& path);
  // The parts of a PEFT directory; messages carry no path.
  static Result<StoredAdapter> from_peft(const Json& config, Safetensors weights);
  static Result<StoredAdapter> from_gguf(Gguf file);

  CheckpointKind kind() const {
    return gguf_ ? CheckpointKind::gguf : CheckpointKind::hugging_face;
  }
  std::span<const StoredDelta> deltas() const { return deltas_; }
  // GGUF: general.architecture of the base; "" for PEFT, which doesn't say.
  const std::string& architecture() const { return architecture_; }
  // PEFT's base_model_name_or_path, or GGUF's name of the base: for people. May be "".
  const std::string& base() const { return base_; }
  // corrupt when the file changed its size since it was mapped.
  Status unchanged() const { return gguf_ ? gguf_->unchanged() : safetensors_->unchanged(); }

 private:
  StoredAdapter() = default;

  std::unique_ptr<Safetensors> safetensors_;
  std::unique_ptr<Gguf> gguf_;
  std::vector<StoredDelta> deltas_;
  std::string architecture_, base_;
};

// The scale that PEFT gives to the delta of `module` ("model.layers.0.self_attn.q_proj"), and the
// rank that its config promises; patterns included.
struct PeftScale {
  int64_t rank = 0;
  double scale = 1;
};
Result<PeftScale> peft_scale(const Json& config, const std::string& module);

// unsupported: the config asks for more than LoRA on linears.
Status check_peft_config(const Json& config);

// The two halves of a delta fit each other: [rank, in] and [out, rank], of numbers.
Status check_delta(const TensorEntry& a, const TensorEntry& b);

}  // namespace hearth
