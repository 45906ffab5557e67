// From the tensors that a model declares to the layers of a Network. A tensor stays frozen as it is
// stored, learns as values of its own, or gets an adapter beside it.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "hearth/formats/codec.h"
#include "hearth/models/deepseek/model.h"
#include "hearth/models/dense/model.h"
#include "hearth/train/layers/gqa.h"
#include "hearth/train/layers/mla.h"
#include "hearth/train/network.h"
#include "hearth/train/random.h"

namespace hearth::train {
namespace {

template <typename T>
std::vector<T> decoded(const Tensor& tensor) {
  const int64_t columns = tensor.columns();
  std::vector<T> out(static_cast<size_t>(tensor.shape.elements()));
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t r = 0; r < tensor.rows(); ++r) {
    decode_row(tensor, r, 0, columns, row.data());
    std::copy(row.begin(), row.end(), out.begin() + r * columns);
  }
  return out;
}

}  // namespace

template <typename T>
class NetworkBuilder {
 public:
  NetworkBuilder(Model& model, const NetworkOptions& options);

  void build(const DenseConfig& config);
  void build(const DeepseekConfig& config);
  std::unique_ptr<Network<T>> take() { return std::move(network_); }

 private:
  struct Named {
    TensorSpec spec;
    Weight* weight;
  };

  // nullptr: the checkpoint lacks it, or it has no such name.
  const Named* find(const std::string& name) const;
  Parameter<T>* add_parameter(const std::string& name, const Tensor& values, bool learns);
  Parameter<T>* vector(const std::string& name);  // nullptr: absent
  Operand<T> matrix(const std::string& name);
  Projection<T> projection(const std::string& module);
  RmsNorm<T> norm(const std::string& module, double eps);
  void add_adapter(const std::string& module, Projection<T>& projection);
  void ends(double eps, bool tied);  // embedding, last norm and head
  Swiglu<T> swiglu(const std::string& at);
  void gqa(const std::string& at, const DenseConfig& config);
  void mla(const std::string& at, int64_t layer, const DeepseekConfig& config);
  void moe(const std::string& at, const DeepseekConfig& config);
  Projection<T> latent_expansion(const std::string& at, int64_t layer,
                                 const DeepseekConfig& config);

  const NetworkOptions& options_;
  std::map<std::string, Named> tensors_;  // by Hugging Face's name, else by llama.cpp's
  std::unique_ptr<Network<T>> network_;
};

template <typename T>
NetworkBuilder<T>::NetworkBuilder(Model& model, const NetworkOptions& options)
    : options_(options), network_(new Network<T>()) {
  network_->checkpoints_ = options.checkpoints;
  model.visit_tensors([&](const TensorSpec& spec, Weight& slot) {
    if (!slot.present()) return;
    tensors_.emplace(spec.name.empty() ? spec.gguf_name : spec.name, Named{spec, &slot});
  });
}

template <typename T>
const typename NetworkBuilder<T>::Named* NetworkBuilder<T>::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

template <typename T>
Parameter<T>* NetworkBuilder<T>::add_parameter(const std::string& name, const Tensor& values,
                                               bool learns) {
  Parameter<T>& p = network_->parameters_.emplace_back();
  p.name = name;
  p.shape = values.shape;
  p.value = decoded<T>(values);
  if (learns) {
    p.learn();
    network_->learned_.push_back(&p);
  }
  return &p;
}

template <typename T>
Parameter<T>* NetworkBuilder<T>::vector(const std::string& name) {
  const Named* named = find(name);
  if (!named) return nullptr;
  return add_parameter(name, named->weight->tensor, !options_.adapter);
}

template <typename T>
Operand<T> NetworkBuilder<T>::matrix(const std::string& name) {
  const Named* named = find(name);
  CHECK(named != nullptr);  // the loader has seen to it
  if (options_.adapter) return {&named->weight->tensor, nullptr};
  return {nullptr, add_parameter(name, named->weight->tensor, true)};
}

template <typename T>
void NetworkBuilder<T>::add_adapter(const std::string& module, Projection<T>& p) {
  if (!options_.adapter) return;
  const AdapterSpec& spec = *options_.adapter;
  const auto& modules = spec.targets.modules;
  if (std::find(modules.begin(), modules.end(), module) == modules.end()) return;
  const auto add = [&](std::string_view which, int64_t rows, int64_t columns) {
    Parameter<T>& factor = network_->parameters_.emplace_back();
    factor.name = fmt::format("base_model.model.{}{}", module, which);
    factor.shape = {rows, columns};
    factor.value.assign(static_cast<size_t>(rows * columns), 0);
    factor.learn();
    network_->learned_.push_back(&factor);
    return &factor;
  };
  p.adapter.a = add(".lora_A.weight", spec.rank, p.in());
  p.adapter.b = add(kAdapterB, p.out(), spec.rank);
  p.adapter.scale = static_cast<T>(spec.alpha / static_cast<double>(spec.rank));
  // PEFT's start: A by Kaiming's uniform rule with a = sqrt(5), which is 1 / sqrt(in), and B = 0.
  const double reach = 1 / std::sqrt(static_cast<double>(p.in()));
  const uint64_t key = random_key(spec.seed, p.adapter.a->name);
  for (size_t i = 0; i < p.adapter.a->value.size(); ++i) {
    p.adapter.a->value[i] = static_cast<T>(reach * (2 * random_unit(key, i) - 1));
  }
}

template <typename T>
Projection<T> NetworkBuilder<T>::projection(const std::string& module) {
  Projection<T> p;
  p.weight = matrix(module + ".weight");
  p.bias = vector(module + ".bias");
  add_adapter(module, p);
  return p;
}

template <typename T>
RmsNorm<T> NetworkBuilder<T>::norm(const std::string& module, double eps) {
  return {vector(module + ".weight"), eps};
}

template <typename T>
void NetworkBuilder<T>::ends(double eps, bool tied) {
  network_->norm_ = norm("model.norm", eps);
  network_->head_.weight = tied ? network_->embedding_ : matrix("lm_head.weight");
}

template <typename T>
Swiglu<T> NetworkBuilder<T>::swiglu(const std::string& at) {
  return {projection(at + "gate_proj"), projection(at + "up_proj"), projection(at + "down_proj")};
}

template <typename T>
void NetworkBuilder<T>::gqa(const std::string& at, const DenseConfig& config) {
  GqaWeights<T> w;
  w.norm = norm(at + "input_layernorm", config.rms_norm_eps);
  w.q = projection(at + "self_attn.q_proj");
  w.k = projection(at + "self_attn.k_proj");
  w.v = projection(at + "self_attn.v_proj");
  w.q_norm = norm(at + "self_attn.q_norm", config.rms_norm_eps);
  w.k_norm = norm(at + "self_attn.k_norm", config.rms_norm_eps);
  w.o = projection(at + "self_attn.o_proj");
  w.heads = config.num_attention_heads;
  w.kv_heads = config.num_key_value_heads;
  w.head_dim = config.head_dim;
  network_->sublayers_.push_back(std::make_unique<GqaSublayer<T>>(w));
}

template <typename T>
void NetworkBuilder<T>::build(const DenseConfig& config) {
  network_->rope_ = config.rope.make(config.head_dim, config.rope_pairs);
  network_->embedding_ = matrix("model.embed_tokens.weight");
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const std::string at = fmt::format("model.layers.{}.", l);
    gqa(at, config);
    const RmsNorm<T> after = norm(at + "post_attention_layernorm", config.rms_norm_eps);
    network_->sublayers_.push_back(std::make_unique<SwigluSublayer<T>>(after, swiglu(at + "mlp.")));
  }
  ends(config.rms_norm_eps, config.tie_word_embeddings);
}

// kv_b_proj, or the two transposed pieces that newer GGUF files keep of it joined again.
template <typename T>
Projection<T> NetworkBuilder<T>::latent_expansion(const std::string& at, int64_t layer,
                                                  const DeepseekConfig& config) {
  const std::string module = at + "self_attn.kv_b_proj";
  if (find(module + ".weight")) return projection(module);
  const int64_t nope = config.qk_nope_head_dim;
  const int64_t per_head = nope + config.v_head_dim;
  const std::string gguf = fmt::format("blk.{}.", layer);
  const Tensor& keys = find(gguf + "attn_k_b.weight")->weight->tensor;
  const Tensor& values = find(gguf + "attn_v_b.weight")->weight->tensor;
  const Shape shape = {config.num_attention_heads * per_head, config.kv_lora_rank};
  Weight& joined = network_->joined_.emplace_back();
  joined.owner = host_memory(shape.elements() * 4);
  joined.tensor = Tensor::packed(Format::f32, shape, static_cast<std::byte*>(joined.owner.get()));
  std::vector<float> column(static_cast<size_t>(nope));
  for (int64_t h = 0; h < config.num_attention_heads; ++h) {
    for (int64_t r = 0; r < config.kv_lora_rank; ++r) {
      decode_row(keys, h * config.kv_lora_rank + r, 0, nope, column.data());
      for (int64_t i = 0; i < nope; ++i) {
        joined.tensor.f32_row(h * per_head + i)[r] = column[static_cast<size_t>(i)];
      }
    }
    for (int64_t i = 0; i < config.v_head_dim; ++i) {
      decode_row(values, h * config.v_head_dim + i, 0, config.kv_lora_rank,
                 joined.tensor.f32_row(h * per_head + nope + i));
    }
  }
  Projection<T> p;
  p.weight = options_.adapter
                 ? Operand<T>{&joined.tensor, nullptr}
                 : Operand<T>{nullptr, add_parameter(module + ".weight", joined.tensor, true)};
  add_adapter(module, p);
  return p;
}

template <typename T>
void NetworkBuilder<T>::mla(const std::string& at, int64_t layer, const DeepseekConfig& config) {
  MlaWeights<T> w;
  w.norm = norm(at + "input_layernorm", config.rms_norm_eps);
  if (config.q_lora_rank > 0) {
    w.q_a = projection(at + "self_attn.q_a_proj");
    w.q_a_norm = norm(at + "self_attn.q_a_layernorm", kLatentNormEps);
    w.q = projection(at + "self_attn.q_b_proj");
  } else {
    w.q = projection(at + "self_attn.q_proj");
  }
  w.kv_a = projection(at + "self_attn.kv_a_proj_with_mqa");
  w.kv_a_norm = norm(at + "self_attn.kv_a_layernorm", kLatentNormEps);
  w.kv_b = latent_expansion(at, layer, config);
  w.o = projection(at + "self_attn.o_proj");
  w.heads = config.num_attention_heads;
  w.nope = config.qk_nope_head_dim;
  w.rope = config.qk_rope_head_dim;
  w.v_dim = config.v_head_dim;
  w.rank = config.kv_lora_rank;
  w.scale = config.softmax_scale();
  network_->sublayers_.push_back(std::make_unique<MlaSublayer<T>>(w));
}

template <typename T>
void NetworkBuilder<T>::moe(const std::string& at, const DeepseekConfig& config) {
  MoeTensors<T> w;
  w.norm = norm(at + "post_attention_layernorm", config.rms_norm_eps);
  w.router.weight = matrix(at + "mlp.gate.weight");
  if (const Named* bias = find(at + "mlp.gate.e_score_correction_bias")) {
    w.balance = add_parameter(bias->spec.name, bias->weight->tensor, false);
    network_->balances_.push_back(w.balance);
  }
  for (int64_t e = 0; e < config.n_routed_experts; ++e) {
    w.experts.push_back(swiglu(fmt::format("{}mlp.experts.{}.", at, e)));
  }
  w.has_shared = config.n_shared_experts > 0;
  if (w.has_shared) w.shared = swiglu(at + "mlp.shared_experts.");
  w.rule = config.routing();
  auto moe = std::make_unique<MoeSublayer<T>>(std::move(w));
  moe->set_balance_alpha(options_.balance_alpha);
  network_->moes_.push_back(moe.get());
  network_->sublayers_.push_back(std::move(moe));
}

template <typename T>
void NetworkBuilder<T>::build(const DeepseekConfig& config) {
  network_->rope_ = config.rope.make(config.qk_rope_head_dim, config.rope_pairs);
  network_->embedding_ = matrix("model.embed_tokens.weight");
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const std::string at = fmt::format("model.layers.{}.", l);
    mla(at, l, config);
    if (config.is_moe_layer(l)) {
      moe(at, config);
      continue;
    }
    const RmsNorm<T> after = norm(at + "post_attention_layernorm", config.rms_norm_eps);
    network_->sublayers_.push_back(std::make_unique<SwigluSublayer<T>>(after, swiglu(at + "mlp.")));
  }
  ends(config.rms_norm_eps, config.tie_word_embeddings);
}

template <typename T>
Result<std::unique_ptr<Network<T>>> Network<T>::build(Model& model, const NetworkOptions& options) {
  NetworkBuilder<T> builder(model, options);
  if (const auto* dense = dynamic_cast<const DenseModel*>(&model)) {
    builder.build(dense->config());
  } else if (const auto* deepseek = dynamic_cast<const DeepseekModel*>(&model)) {
    builder.build(deepseek->config());
  } else {
    return error(Code::unsupported, "tuning: expected a Llama, Qwen or DeepSeek model, found {}",
                 model.info().architecture);
  }
  return builder.take();
}

template class NetworkBuilder<float>;
template class NetworkBuilder<double>;
template Result<std::unique_ptr<Network<float>>> Network<float>::build(Model&,
                                                                       const NetworkOptions&);
template Result<std::unique_ptr<Network<double>>> Network<double>::build(Model&,
                                                                         const NetworkOptions&);

}  // namespace hearth::train
