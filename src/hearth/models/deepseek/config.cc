// config.json -> DeepseekConfig, and what must hold between its fields.
#include "hearth/models/deepseek/config.h"

#include <cmath>

#include "hearth/files/outside_bytes.h"

namespace hearth {
namespace {

constexpr int64_t kDimMax = 1 << 20;
constexpr int64_t kLayersMax = 512;
constexpr int64_t kExpertsMax = 4096;
// Three times the largest published (Kimi-K2, 61 layers of 384): a few dozen bytes of JSON must not
// make a table of gigabytes.
constexpr int64_t kExpertsAllLayersMax = 1 << 16;

Status read_sizes(const Json& j, DeepseekConfig& c) {
  TRY_ASSIGN(c.vocab_size, json_int(j, "vocab_size", 1, 1 << 24));
  TRY_ASSIGN(c.hidden_size, json_int(j, "hidden_size", 1, kDimMax));
  TRY_ASSIGN(c.intermediate_size, json_int(j, "intermediate_size", 1, kDimMax));
  TRY_ASSIGN(c.num_hidden_layers, json_int(j, "num_hidden_layers", 1, kLayersMax));
  TRY_ASSIGN(c.num_nextn_predict_layers, json_int_or(j, "num_nextn_predict_layers", 0, 0, 16));
  TRY_ASSIGN(c.num_attention_heads, json_int(j, "num_attention_heads", 1, 4096));
  TRY_ASSIGN(c.q_lora_rank, json_int_or(j, "q_lora_rank", 0, 0, kDimMax));
  TRY_ASSIGN(c.kv_lora_rank, json_int(j, "kv_lora_rank", 1, kDimMax));
  TRY_ASSIGN(c.qk_nope_head_dim, json_int(j, "qk_nope_head_dim", 1, 4096));
  TRY_ASSIGN(c.qk_rope_head_dim, json_int(j, "qk_rope_head_dim", 2, 4096));
  TRY_ASSIGN(c.v_head_dim, json_int(j, "v_head_dim", 1, 4096));
  TRY_ASSIGN(c.max_position_embeddings,
             json_int_or(j, "max_position_embeddings", 4096, 1, 1 << 30));
  TRY_ASSIGN(c.rms_norm_eps, json_number_or(j, "rms_norm_eps", 1e-6, 1e-20, 1));
  TRY_ASSIGN(c.tie_word_embeddings, json_bool_or(j, "tie_word_embeddings", false));
  return Status::ok();
}

Status read_experts(const Json& j, DeepseekConfig& c) {
  TRY_ASSIGN(c.n_routed_experts, json_int_or(j, "n_routed_experts", 0, 0, kExpertsMax));
  if (c.n_routed_experts == 0) return Status::ok();
  const bool v3 = c.model_type == "deepseek_v3";
  TRY_ASSIGN(c.n_shared_experts, json_int_or(j, "n_shared_experts", 0, 0, 64));
  TRY_ASSIGN(c.num_experts_per_tok, json_int(j, "num_experts_per_tok", 1, kExpertsMax));
  TRY_ASSIGN(c.moe_intermediate_size, json_int(j, "moe_intermediate_size", 1, kDimMax));
  TRY_ASSIGN(c.first_k_dense_replace, json_int_or(j, "first_k_dense_replace", 0, 0, kLayersMax));
  TRY_ASSIGN(c.moe_layer_freq, json_int_or(j, "moe_layer_freq", 1, 1, kLayersMax));
  TRY_ASSIGN(c.n_group, json_int_or(j, "n_group", 1, 1, kExpertsMax));
  TRY_ASSIGN(c.topk_group, json_int_or(j, "topk_group", 1, 1, kExpertsMax));
  TRY_ASSIGN(c.norm_topk_prob, json_bool_or(j, "norm_topk_prob", v3));
  TRY_ASSIGN(c.routed_scaling_factor, json_number_or(j, "routed_scaling_factor", 1, 1e-6, 1e6));
  TRY_ASSIGN(const std::string scoring,
             json_string_or(j, "scoring_func", v3 ? "sigmoid" : "softmax"));
  TRY_ASSIGN(c.topk_method, json_string_or(j, "topk_method", v3 ? "noaux_tc" : "greedy"));
  if (scoring != "sigmoid" && scoring != "softmax") {
    return error(Code::unsupported, "`scoring_func`: expected sigmoid or softmax, found `{}`",
                 excerpt(scoring));
  }
  c.scoring_func = scoring == "sigmoid" ? ExpertScoring::sigmoid : ExpertScoring::softmax;
  return Status::ok();
}

}  // namespace

Result<DeepseekConfig> DeepseekConfig::from_hf(const Json& j) {
  DeepseekConfig c;
  TRY_ASSIGN(c.model_type, json_string(j, "model_type"));
  if (c.model_type == "kimi_k2") c.model_type = "deepseek_v3";  // the same network by another name
  TRY(read_sizes(j, c));
  TRY(read_experts(j, c));
  TRY_ASSIGN(const bool attention_bias, json_bool_or(j, "attention_bias", false));
  if (attention_bias) {
    return error(Code::unsupported, "`attention_bias`: expected false, found true");
  }
  TRY_ASSIGN(const bool interleave, json_bool_or(j, "rope_interleave", true));
  c.rope_pairs = interleave ? RopePairs::interleaved : RopePairs::halves;
  TRY_ASSIGN(c.rope, RopeConfig::from_hf(j, c.max_position_embeddings));
  TRY(c.check());
  return c;
}

Status DeepseekConfig::check() const {
  if (qk_rope_head_dim % 2 != 0) {
    return error(Code::invalid, "`qk_rope_head_dim`: expected an even number, found {}",
                 qk_rope_head_dim);
  }
  if (n_routed_experts == 0) return Status::ok();
  if (topk_method != "greedy" && topk_method != "group_limited_greedy" &&
      topk_method != "noaux_tc") {
    return error(Code::unsupported,
                 "`topk_method`: expected greedy, group_limited_greedy or noaux_tc, found `{}`",
                 excerpt(topk_method));
  }
  if (n_routed_experts * blocks() > kExpertsAllLayersMax) {
    return error(Code::unsupported,
                 "`n_routed_experts`: expected at most {} in all {} layers, found {}",
                 kExpertsAllLayersMax, blocks(), n_routed_experts);
  }
  if (n_group < 1 || n_routed_experts % n_group != 0 || topk_group < 1 || topk_group > n_group) {
    return error(
        Code::invalid,
        "`n_group`, `topk_group`: expected groups of equal size and topk_group <= n_group, "
        "found {} experts, n_group {}, topk_group {}",
        n_routed_experts, n_group, topk_group);
  }
  const int64_t reachable =
      topk_method == "greedy" ? n_routed_experts : n_routed_experts / n_group * topk_group;
  if (num_experts_per_tok > reachable) {
    return error(Code::invalid,
                 "`num_experts_per_tok`: expected at most {} experts to choose from, found {}",
                 reachable, num_experts_per_tok);
  }
  return Status::ok();
}

double DeepseekConfig::softmax_scale() const {
  const double scale = 1 / std::sqrt(static_cast<double>(qk_head_dim()));
  if (!rope.yarn || rope.yarn->mscale_all_dim == 0) return scale;
  const double m = yarn_mscale(rope.yarn->factor, rope.yarn->mscale_all_dim);
  return scale * m * m;
}

RouteExperts DeepseekConfig::routing() const {
  RouteExperts route;
  route.scoring = scoring_func;
  route.group_score = topk_method == "noaux_tc" ? GroupScore::best_two : GroupScore::best;
  route.n_group = topk_method == "greedy" ? 1 : n_group;
  route.topk_group = topk_method == "greedy" ? 1 : topk_group;
  route.num_experts_per_tok = num_experts_per_tok;
  route.norm_topk_prob = norm_topk_prob && num_experts_per_tok > 1;
  // V2's published gate scales only where it does not normalise; V3's always scales.
  const bool unscaled = model_type == "deepseek_v2" && route.norm_topk_prob;
  route.routed_scaling_factor = unscaled ? 1 : routed_scaling_factor;
  return route;
}

}  // namespace hearth
