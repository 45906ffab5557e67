// The forward pass of DeepSeek-V2/V3/R1; names follow the paper and the Hugging Face checkpoint.
#include <numeric>

#include "hearth/models/blocks/outputs.h"
#include "hearth/models/deepseek/model.h"

namespace hearth {

Outputs DeepseekModel::forward(Backend& b, const Batch& batch, KvCache& cache) const {
  const Tensor x = b.scratch({batch.rows(), config_.hidden_size});
  b.embed_rows(embed_tokens_, batch.tokens, x);
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) decode(b, x, l, batch, cache);
  if (cache.states().data) {
    std::vector<int64_t> all(static_cast<size_t>(batch.rows()));
    std::iota(all.begin(), all.end(), 0);
    states_of(b, x, all, norm_, cache.states().row_slice(0, batch.rows()));
  }
  return outputs_of(b, x, batch, norm_, lm_head_);
}

// A decoder block.
void DeepseekModel::decode(Backend& b, Tensor x, int64_t l, const Batch& batch,
                           KvCache& cache) const {
  const ScratchScope scope(b);
  const Layer& layer = layers_[static_cast<size_t>(l)];
  attend(b, x, l, batch, cache);
  if (config_.is_moe_layer(l)) {
    moe(b, x, layer.post_attention_layernorm, layer.moe, config_.routing());
  } else {
    swiglu(b, x, layer.post_attention_layernorm, layer.mlp);
  }
}

// Everything of a layer's attention but its activations.
AttendMla DeepseekModel::latent_shape(const Attention& w) const {
  const DeepseekConfig& c = config_;
  AttendMla a;
  a.heads = c.num_attention_heads;
  a.qk_nope_head_dim = c.qk_nope_head_dim;
  a.qk_rope_head_dim = c.qk_rope_head_dim;
  a.v_head_dim = c.v_head_dim;
  a.kv_lora_rank = c.kv_lora_rank;
  a.kv_a_norm = &w.kv_a_layernorm;
  a.scale = c.softmax_scale();
  a.rope = &rope_;
  a.maps = w.maps.get();
  const int64_t per_head = c.qk_nope_head_dim + c.v_head_dim;
  if (w.kv_b_proj.present()) {
    a.k_b = {&w.kv_b_proj, per_head, 0};
    a.v_b = {&w.kv_b_proj, per_head, c.qk_nope_head_dim};
  } else {
    a.k_b = {&w.k_b, c.kv_lora_rank, 0};
    a.k_b_transposed = true;
    a.v_b = {&w.v_b, c.v_head_dim, 0};
  }
  return a;
}

void DeepseekModel::attend(Backend& b, Tensor x, int64_t l, const Batch& batch,
                           KvCache& cache) const {
  const Attention& w = layers_[static_cast<size_t>(l)].attention;
  const DeepseekConfig& c = config_;
  const int64_t tokens = x.rows();
  AttendMla a = latent_shape(w);
  a.q = b.scratch({tokens, c.num_attention_heads * c.qk_head_dim()});
  a.kv = b.scratch({tokens, c.kv_lora_rank + c.qk_rope_head_dim});
  a.out = b.scratch({tokens, c.num_attention_heads * c.v_head_dim});
  if (c.q_lora_rank > 0) {
    const Tensor q_a = b.scratch({tokens, c.q_lora_rank});
    const LinearOut down[] = {{&w.q_a_proj, q_a}, {&w.kv_a_proj_with_mqa, a.kv}};
    b.norm_linear(x, w.input_layernorm, down);
    const LinearOut up[] = {{&w.q_b_proj, a.q}};
    b.norm_linear(q_a, w.q_a_layernorm, up);
  } else {
    const LinearOut both[] = {{&w.q_proj, a.q}, {&w.kv_a_proj_with_mqa, a.kv}};
    b.norm_linear(x, w.input_layernorm, both);
  }
  a.layer = l;
  b.attend_mla(a, batch, cache);
  b.linear_add(a.out, w.o_proj, x);
}

}  // namespace hearth
