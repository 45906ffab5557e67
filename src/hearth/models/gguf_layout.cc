// See gguf_layout.h.
#include "hearth/models/gguf_layout.h"

#include <map>

namespace hearth {
namespace {

struct RotaryHeads {
  int64_t q = 0;  // 0: this architecture keeps Hugging Face's order
  int64_t k = 0;

  int64_t of(const std::string& gguf_name) const {
    if (gguf_name.find(".attn_q.") != std::string::npos) return q;
    if (gguf_name.find(".attn_k.") != std::string::npos) return k;
    return 0;
  }
};

Result<RotaryHeads> rotary_heads(const Json& config) {
  RotaryHeads heads;
  TRY_ASSIGN(const std::string type, json_string(config, "model_type"));
  if (type != "llama") return heads;
  TRY_ASSIGN(heads.q, json_int(config, "num_attention_heads", 1, 4096));
  TRY_ASSIGN(heads.k, json_int_or(config, "num_key_value_heads", heads.q, 1, 4096));
  return heads;
}

class LayoutBuilder {
 public:
  explicit LayoutBuilder(const RotaryHeads& heads) : heads_(heads) {}

  void visit(const TensorSpec& spec) {
    if (spec.name.ends_with(".kv_b_proj.weight")) {
      kv_b_ = spec;  // k_b and v_b, which only GGUF has, follow and are made of it
      return;
    }
    if (spec.gguf_name.empty()) return;
    if (spec.expert >= 0) return add_expert(spec);
    GgufTensor tensor{spec.gguf_name, spec.shape, spec.kind, {spec}};
    if (spec.name.empty()) {
      split_kv_b(tensor);
    } else if (const int64_t heads = heads_.of(spec.gguf_name); heads > 0) {
      tensor.rows = GgufTensor::Rows::rotary;
      tensor.heads = heads;
    }
    tensors_.push_back(std::move(tensor));
  }

  std::vector<GgufTensor> take() { return std::move(tensors_); }

 private:
  void add_expert(const TensorSpec& spec) {
    const auto [at, is_new] = stacks_.try_emplace(spec.gguf_name, tensors_.size());
    if (is_new) tensors_.push_back({spec.gguf_name, {}, spec.kind, {}});
    GgufTensor& stack = tensors_[at->second];
    stack.sources.push_back(spec);
    const auto experts = static_cast<int64_t>(stack.sources.size());
    stack.shape = {experts, spec.shape[0], spec.shape[1]};
  }

  void split_kv_b(GgufTensor& tensor) {
    const bool key = tensor.name.find("attn_k_b") != std::string::npos;
    tensor.rows = key ? GgufTensor::Rows::key : GgufTensor::Rows::value;
    tensor.sources = {kv_b_};
    tensor.heads = tensor.shape[0];
    tensor.kv_width = kv_b_.shape[0] / tensor.heads;
  }

  RotaryHeads heads_;
  TensorSpec kv_b_;
  std::map<std::string, size_t> stacks_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace

int64_t rotary_row(int64_t r, int64_t rows, int64_t heads) {
  const int64_t width = rows / heads;
  const int64_t i = r % width;
  return r - i + i / 2 + i % 2 * (width / 2);
}

GgufTensor::Origin GgufTensor::origin(int64_t r) const {
  if (sources.size() > 1 || shape.rank() == 3) {
    const int64_t each = shape[1];
    const int64_t outer = r / each;  // expert, or head
    const int64_t inner = r % each;
    if (rows == Rows::key) return {&sources[0], outer * kv_width, true, inner};
    if (rows == Rows::value) {
      return {&sources[0], outer * kv_width + kv_width - each + inner, false, 0};
    }
    return {&sources[static_cast<size_t>(outer)], inner, false, 0};
  }
  const bool rotated = rows == Rows::rotary && shape.rank() == 2;
  return {&sources[0], rotated ? rotary_row(r, shape[0], heads) : r, false, 0};
}

int64_t GgufTensor::element_origin(int64_t i) const {
  return rows == Rows::rotary ? rotary_row(i, shape[0], heads) : i;
}

Result<std::vector<GgufTensor>> gguf_layout(Model& model, const Json& config) {
  TRY_ASSIGN(const RotaryHeads heads, rotary_heads(config));
  LayoutBuilder builder(heads);
  model.visit_tensors([&](const TensorSpec& spec, Weight&) { builder.visit(spec); });
  return builder.take();
}

}  // namespace hearth
