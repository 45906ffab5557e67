// llama.cpp's `deepseek2` keys -> DeepseekConfig. One architecture name covers V2, V3 and R1: the
// gating function tells them apart. Files made before the expert-group keys existed (most R1 files
// of early 2025) get the groups of the model they can only be, with a notice.
#include "hearth/models/deepseek/config.h"

namespace hearth {
namespace {

constexpr int64_t kGatingSoftmax = 1;  // llama.cpp: 0 not stated, 1 softmax, 2 sigmoid; newer ones
constexpr int64_t kGatingSigmoid = 2;  // belong to other networks

// A published model whose GGUF files may lack their group keys.
struct KnownGroups {
  const char* model;
  int64_t n_routed_experts, num_hidden_layers, hidden_size;
  int64_t n_group, topk_group;
};
constexpr KnownGroups kKnownGroups[] = {
    {"DeepSeek-V3/R1", 256, 61, 7168, 8, 4},
    {"Kimi-K2", 384, 61, 7168, 1, 1},
    {"DeepSeek-V2", 160, 60, 5120, 8, 3},
    {"DeepSeek-V2-Lite", 64, 27, 2048, 1, 1},
};

Status read_attention(const GgufFields& f, DeepseekConfig& c) {
  TRY_ASSIGN(c.num_attention_heads, f.size("attention.head_count", 1, 4096));
  TRY_ASSIGN(c.q_lora_rank, f.size_or("attention.q_lora_rank", 0, 0, 1 << 20));
  TRY_ASSIGN(c.kv_lora_rank, f.size("attention.kv_lora_rank", 1, 1 << 20));
  TRY_ASSIGN(c.qk_rope_head_dim, f.size("rope.dimension_count", 2, 4096));
  // Files with attn_k_b/attn_v_b state the widths of a decompressed head under *_mla, and the
  // widths of the latent in key_length/value_length; older files state the head there.
  const bool has_mla_keys = f.has("attention.key_length_mla");
  const std::string suffix = has_mla_keys ? "_mla" : "";
  TRY_ASSIGN(const int64_t qk, f.size("attention.key_length" + suffix, 1, 8192));
  TRY_ASSIGN(c.v_head_dim, f.size("attention.value_length" + suffix, 1, 4096));
  c.qk_nope_head_dim = qk - c.qk_rope_head_dim;
  if (c.qk_nope_head_dim < 1 || c.qk_nope_head_dim > 4096) {
    return error(Code::invalid,
                 "`deepseek2.attention.key_length{}`: expected 1 to 4096 dimensions more than the "
                 "{} rotated ones, found {}",
                 suffix, c.qk_rope_head_dim, qk);
  }
  TRY_ASSIGN(c.rms_norm_eps, f.number_or("attention.layer_norm_rms_epsilon", 1e-6, 1e-20, 1));
  return Status::ok();
}

Status read_groups(const GgufFields& f, DeepseekConfig& c, const ModelHints& hints,
                   std::vector<std::string>& notices) {
  if (f.has("expert_group_count")) {
    TRY_ASSIGN(c.n_group, f.size("expert_group_count", 1, 4096));
    TRY_ASSIGN(c.topk_group, f.size_or("expert_group_used_count", 1, 1, 4096));
    return Status::ok();
  }
  if (hints.expert_groups) {
    c.n_group = hints.expert_groups->n_group;
    c.topk_group = hints.expert_groups->topk_group;
    return Status::ok();  // check() looks at them
  }
  for (const KnownGroups& known : kKnownGroups) {
    if (known.n_routed_experts != c.n_routed_experts || known.hidden_size != c.hidden_size ||
        known.num_hidden_layers != c.num_hidden_layers) {
      continue;
    }
    c.n_group = known.n_group;
    c.topk_group = known.topk_group;
    notices.push_back(fmt::format(
        "the file has no `deepseek2.expert_group_count`; by its shape it is {}, whose router "
        "uses n_group {} and topk_group {}",
        known.model, c.n_group, c.topk_group));
    return Status::ok();
  }
  notices.push_back(
      "the file has no `deepseek2.expert_group_count` and its shape is not that of a published "
      "model: experts are chosen without groups");
  return Status::ok();
}

Status read_experts(const GgufFields& f, DeepseekConfig& c, const ModelHints& hints,
                    std::vector<std::string>& notices) {
  TRY_ASSIGN(c.n_routed_experts, f.size_or("expert_count", 0, 0, 4096));
  if (c.n_routed_experts == 0) return Status::ok();
  TRY_ASSIGN(c.num_experts_per_tok, f.size("expert_used_count", 1, 4096));
  TRY_ASSIGN(c.n_shared_experts, f.size_or("expert_shared_count", 0, 0, 64));
  TRY_ASSIGN(c.moe_intermediate_size, f.size("expert_feed_forward_length", 1, 1 << 20));
  TRY_ASSIGN(c.first_k_dense_replace, f.size_or("leading_dense_block_count", 0, 0, 512));
  TRY_ASSIGN(c.routed_scaling_factor, f.number_or("expert_weights_scale", 1, 1e-6, 1e6));
  // Before the gating key existed only V2 was converted, and V2 is softmax without correction bias.
  const bool has_bias =
      f.has_tensor(fmt::format("blk.{}.exp_probs_b.bias", c.first_k_dense_replace));
  const int64_t unstated = has_bias ? kGatingSigmoid : kGatingSoftmax;
  TRY_ASSIGN(const int64_t gating, f.size_or("expert_gating_func", unstated, 0, kGatingSigmoid));
  const bool v3 = (gating == 0 ? unstated : gating) == kGatingSigmoid;
  c.model_type = v3 ? "deepseek_v3" : "deepseek_v2";
  c.scoring_func = v3 ? ExpertScoring::sigmoid : ExpertScoring::softmax;
  TRY_ASSIGN(c.norm_topk_prob, f.boolean_or("expert_weights_norm", v3));
  TRY(read_groups(f, c, hints, notices));
  c.topk_method = v3 ? "noaux_tc" : c.n_group > 1 ? "group_limited_greedy" : "greedy";
  return Status::ok();
}

}  // namespace

Result<DeepseekConfig> DeepseekConfig::from_gguf(const Gguf& gguf,
                                                 std::vector<std::string>& notices,
                                                 const ModelHints& hints) {
  const GgufFields f(gguf, "deepseek2");
  DeepseekConfig c;
  c.model_type = "deepseek_v2";
  TRY_ASSIGN(c.vocab_size, f.vocab_size());
  TRY_ASSIGN(c.num_hidden_layers, f.size("block_count", 1, 512));
  TRY_ASSIGN(c.num_nextn_predict_layers, f.size_or("nextn_predict_layers", 0, 0, 16));
  c.num_hidden_layers -= c.num_nextn_predict_layers;  // llama.cpp counts them as blocks
  if (c.num_hidden_layers < 1) {
    return error(Code::corrupt, "`deepseek2.block_count`: expected more blocks than MTP layers");
  }
  TRY_ASSIGN(c.hidden_size, f.size("embedding_length", 1, 1 << 20));
  TRY_ASSIGN(c.intermediate_size, f.size("feed_forward_length", 1, 1 << 20));
  TRY_ASSIGN(c.max_position_embeddings, f.size("context_length", 1, 1 << 30));
  c.tie_word_embeddings = !f.has_tensor("output.weight");
  TRY(read_attention(f, c));
  TRY(read_experts(f, c, hints, notices));
  TRY_ASSIGN(c.rope, RopeConfig::from_gguf(f));
  TRY(c.check());
  return c;
}

}  // namespace hearth
