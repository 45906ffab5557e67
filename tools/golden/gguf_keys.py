"""The metadata of a GGUF file as llama.cpp's converter writes it for deepseek2, qwen2, qwen3 and
llama, and a tiny byte-level vocabulary."""

import gguf

_PRE = {"deepseek2": "deepseek-v3", "qwen2": "qwen2", "qwen3": "qwen2", "llama": "llama-bpe"}
_FILE_TYPES = {
    gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
    gguf.GGMLQuantizationType.F16: gguf.LlamaFileType.MOSTLY_F16,
    gguf.GGMLQuantizationType.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    gguf.GGMLQuantizationType.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    gguf.GGMLQuantizationType.Q4_K: gguf.LlamaFileType.MOSTLY_Q4_K_M,
}


def write_keys(writer: gguf.GGUFWriter, config: dict, old: bool, kind) -> None:
    """`old`: as before the converter knew absorbed MLA, expert groups, the gating function of
    softmax models and YaRN's betas."""
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("hearth golden")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if "kv_lora_rank" in config:
        _write_mla(writer, config, old)
        _write_experts(writer, config, old)
    else:
        _write_dense(writer, config)
    _write_yarn(writer, config.get("rope_scaling") or {}, old)
    _write_vocabulary(writer, config)


def _write_dense(writer, config) -> None:
    writer.add_head_count_kv(config["num_key_value_heads"])
    head_dim = config.get("head_dim")
    if head_dim:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if config["model_type"] == "llama":
        fallback = config["hidden_size"] // config["num_attention_heads"]
        writer.add_rope_dimension_count(head_dim or fallback)


def _write_mla(writer, config, old) -> None:
    rank, rope = config["kv_lora_rank"], config["qk_rope_head_dim"]
    head = config["qk_nope_head_dim"] + rope
    writer.add_rope_dimension_count(rope)
    writer.add_kv_lora_rank(rank)
    if config["q_lora_rank"] is not None:
        writer.add_q_lora_rank(config["q_lora_rank"])
    if old:
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_key_length(head)
        writer.add_value_length(config["v_head_dim"])
        return
    # Absorbed MLA is multi-query attention over the latent: one key head of rank + rope.
    writer.add_head_count_kv(1)
    writer.add_key_length(rank + rope)
    writer.add_value_length(rank)
    writer.add_key_length_mla(head)
    writer.add_value_length_mla(config["v_head_dim"])


def _write_experts(writer, config, old) -> None:
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    if config["norm_topk_prob"]:
        writer.add_expert_weights_norm(True)
    sigmoid = config["scoring_func"] == "sigmoid"
    if sigmoid or not old:
        kinds = gguf.ExpertGatingFuncType
        writer.add_expert_gating_func(kinds.SIGMOID if sigmoid else kinds.SOFTMAX)
    if not old:
        writer.add_expert_group_count(config["n_group"])
        writer.add_expert_group_used_count(config["topk_group"])


def _write_yarn(writer, scaling, old) -> None:
    if scaling.get("type") != "yarn":
        return
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(scaling["factor"])
    writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    if not old:
        writer.add_rope_scaling_yarn_beta_fast(scaling["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(scaling["beta_slow"])
    # llama.cpp keeps the constant 0.1 of 0.1 mscale ln(factor) + 1 inside this key.
    writer.add_rope_scaling_yarn_log_mul(0.1 * scaling["mscale_all_dim"])


def _write_vocabulary(writer, config) -> None:
    """Two control tokens, single bytes as GPT-2 prints them, then merges up to vocab_size."""
    control = [f"<\uff5c{edge}\u2581of\u2581sentence\uff5c>" for edge in ("begin", "end")]
    single = list("\u0120\u010aabcdefghijklmnopqrstuvwxyz0123456789.,?!+-*/=()")
    pairs = ["\u0120 t", "h e", "i n", "\u0120 a", "r e", "o n", "\u0120t he", "e r", "a t", "o r"]
    pairs += ["e n", "\u0120 s", "a n", "e s", "i t", "o u", "\u0120 w", "i s", "e d", "\u0120 b"]
    merges = pairs[: config["vocab_size"] - len(control) - len(single)]
    tokens = control + single + [merge.replace(" ", "") for merge in merges]
    tokens += [f"[PAD{i}]" for i in range(len(tokens), config["vocab_size"])]
    types = [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (len(single) + len(merges))
    types += [gguf.TokenType.UNUSED] * (len(tokens) - len(types))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_PRE[writer.arch])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(writer.arch in ("deepseek2", "llama"))
