// The forward pass of the dense decoders.
#include <cmath>

#include "hearth/models/blocks/outputs.h"
#include "hearth/models/dense/model.h"

namespace hearth {

Outputs DenseModel::forward(Backend& b, const Batch& batch, KvCache& cache) const {
  const Tensor x = b.scratch({batch.rows(), config_.hidden_size});
  b.embed_rows(embed_tokens_, batch.tokens, x);
  for (int64_t l = 0; l < config_.num_hidden_layers; ++l) {
    const ScratchScope scope(b);
    const Layer& layer = layers_[static_cast<size_t>(l)];
    attend(b, x, l, batch, cache);
    swiglu(b, x, layer.post_attention_layernorm, layer.mlp);
  }
  return outputs_of(b, x, batch, norm_, lm_head_);
}

void DenseModel::attend(Backend& b, Tensor x, int64_t l, const Batch& batch, KvCache& cache) const {
  const DenseConfig& c = config_;
  const Layer& w = layers_[static_cast<size_t>(l)];
  const int64_t tokens = x.rows();
  AttendGqa a;
  a.q = b.scratch({tokens, c.num_attention_heads * c.head_dim});
  a.k = b.scratch({tokens, c.num_key_value_heads * c.head_dim});
  a.v = b.scratch({tokens, c.num_key_value_heads * c.head_dim});
  a.out = b.scratch({tokens, c.num_attention_heads * c.head_dim});
  const LinearOut qkv[] = {{&w.q_proj, a.q}, {&w.k_proj, a.k}, {&w.v_proj, a.v}};
  b.norm_linear(x, w.input_layernorm, qkv);
  if (w.q_norm.weight.present()) {
    b.qk_norm(a.q, w.q_norm, c.head_dim);
    b.qk_norm(a.k, w.k_norm, c.head_dim);
  }
  a.layer = l;
  a.heads = c.num_attention_heads;
  a.kv_heads = c.num_key_value_heads;
  a.head_dim = c.head_dim;
  a.scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
  a.rope = &rope_;
  b.attend_gqa(a, batch, cache);
  b.linear_add(a.out, w.o_proj, x);
}

}  // namespace hearth
