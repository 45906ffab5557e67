"""The table of golden cases: one tiny random checkpoint per architecture or quirk.

Each case holds a config.json in the classic field names of the published checkpoints, the storage
type of its weights and what the generator must prove about it (routing, generation, sharding).
"""

from dataclasses import dataclass

VOCAB = 80


@dataclass(frozen=True)
class Case:
    """One checkpoint directory; `config` is written as config.json after the common fields."""

    name: str
    config: dict
    storage: str = "bfloat16"  # type of the stored weights
    tokens: int = 32  # length of the sequence whose logits are kept
    prompt_length: int = 0  # > 0: greedy continuation of the first so many tokens
    generate: int = 0  # number of generated tokens
    shards: int = 1
    fp8: bool = False  # linear weights as F8_E4M3 with 128x128 block scales
    mtp: bool = False  # adds the tensors of one multi-token-prediction layer
    new_style: bool = False  # config.json as transformers 5 writes it: rope_parameters, dtype
    proves_routing: bool = False  # groups and bias must change the chosen experts


COMMON = {
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "tie_word_embeddings": False,
    "use_cache": True,
    "vocab_size": VOCAB,
}


def _deepseek(**changes):
    """Fields that V2 and V3 share; small enough for about 200 KB a case."""
    return COMMON | {
        "attention_bias": False,
        "first_k_dense_replace": 1,
        "hidden_size": 32,
        "intermediate_size": 56,
        "kv_lora_rank": 24,
        "max_position_embeddings": 256,
        "moe_intermediate_size": 16,
        "moe_layer_freq": 1,
        "n_group": 4,
        "n_routed_experts": 16,
        "n_shared_experts": 1,
        "norm_topk_prob": True,
        "num_attention_heads": 4,
        "num_experts_per_tok": 4,
        "num_hidden_layers": 3,
        "num_key_value_heads": 4,
        "num_nextn_predict_layers": 0,
        "q_lora_rank": 20,
        "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8,
        "rms_norm_eps": 1e-6,
        "rope_scaling": None,
        "rope_theta": 10000,
        "routed_scaling_factor": 2.5,
        "scoring_func": "sigmoid",
        "topk_group": 2,
        "topk_method": "noaux_tc",
        "v_head_dim": 12,
    } | changes


def v3(**changes):
    return {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3"} | _deepseek(
        **changes
    )


def v2(**changes):
    softmax = {
        "n_group": 1,
        "n_shared_experts": 2,
        "norm_topk_prob": False,
        "q_lora_rank": None,
        "routed_scaling_factor": 1.0,
        "scoring_func": "softmax",
        "topk_group": 1,
        "topk_method": "greedy",
    }
    config = _deepseek(**(softmax | changes))
    del config["num_nextn_predict_layers"]
    return {"architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2"} | config


def yarn(mscale, mscale_all_dim):
    return {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": 40,
        "mscale": mscale,
        "mscale_all_dim": mscale_all_dim,
        "original_max_position_embeddings": 32,
        "type": "yarn",
    }


def _dense(architecture, model_type, **changes):
    """A grouped-query decoder: the bases of the distilled models."""
    return COMMON | {
        "architectures": [architecture],
        "hidden_size": 48,
        "intermediate_size": 96,
        "max_position_embeddings": 256,
        "model_type": model_type,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000,
    } | changes


def qwen2(**changes):
    extra = {"max_window_layers": 2, "sliding_window": 256, "use_sliding_window": False}
    return _dense("Qwen2ForCausalLM", "qwen2", **(extra | changes))


def qwen3(**changes):
    extra = {
        "attention_bias": False,
        "head_dim": 20,
        "max_window_layers": 2,
        "rope_scaling": None,
        "rope_theta": 1000000,
        "sliding_window": None,
        "use_sliding_window": False,
    }
    return _dense("Qwen3ForCausalLM", "qwen3", **(extra | changes))


def llama(**changes):
    extra = {"attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-5, "pretraining_tp": 1}
    return _dense("LlamaForCausalLM", "llama", **(extra | changes))


# At rope_theta 10000 and head_dim 12 the first frequency stays, the second lies in the smooth band
# and the others are divided by the factor.
LLAMA3_ROPE = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_type": "llama3",
}

# As the published R1 and V3 checkpoints declare it.
FP8_QUANTIZATION = {
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "quant_method": "fp8",
    "weight_block_size": [128, 128],
}

# DeepSeek-R1-0528-Qwen3-8B's shape of scaling; transformers does not know `attn_factor`, and so
# its logits use attention_factor = 0.1 ln(factor) + 1.
QWEN3_YARN = {
    "attn_factor": 0.8782488562869419,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "rope_type": "yarn",
}

# Two layers and eight experts in four pairs: the base of the cases that prove something else.
SMALL = {"num_hidden_layers": 2, "n_routed_experts": 8, "num_experts_per_tok": 3}

_ODD_DEEPSEEK = {
    "hidden_size": 37,
    "intermediate_size": 45,
    "kv_lora_rank": 19,
    "moe_intermediate_size": 17,
    "n_group": 3,
    "n_routed_experts": 9,
    "num_attention_heads": 3,
    "num_experts_per_tok": 3,
    "num_hidden_layers": 2,
    "num_key_value_heads": 3,
    "q_lora_rank": 21,
    "qk_nope_head_dim": 11,
    "qk_rope_head_dim": 6,
    "v_head_dim": 13,
    "vocab_size": 71,
}

# No side but the heads' is a multiple of 128, so that every block row and column ends ragged.
_FP8 = SMALL | {
    "hidden_size": 144,
    "intermediate_size": 136,
    "kv_lora_rank": 132,
    "moe_intermediate_size": 24,
    "n_group": 2,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "q_lora_rank": 24,
    "topk_group": 1,
    "v_head_dim": 20,
    "vocab_size": 64,
}

_KIMI_K2 = SMALL | {
    "n_group": 1,
    "q_lora_rank": None,
    "rope_theta": 50000.0,
    "routed_scaling_factor": 2.827,
    "topk_group": 1,
}

_ODD_LLAMA = {
    "head_dim": 12,
    "hidden_size": 36,
    "intermediate_size": 53,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "vocab_size": 71,
}

_SHARDED = {"hidden_size": 32, "intermediate_size": 56}

CASES = [
    Case("deepseek_v3", v3(), proves_routing=True, prompt_length=20, generate=16),
    Case("qwen2", qwen2(tie_word_embeddings=True), prompt_length=20, generate=16),
    Case(
        "llama",
        llama(rope_scaling=LLAMA3_ROPE),
        storage="float16",
        tokens=48,
        prompt_length=24,
        generate=16,
    ),
    Case("deepseek_v3_qnull", v3(**_KIMI_K2), new_style=True),
    Case(
        "deepseek_v3_yarn",
        v3(**SMALL, rope_scaling=yarn(1.0, 1.0), max_position_embeddings=1280),
        tokens=48,
        prompt_length=40,
        generate=64,
    ),
    Case("deepseek_v3_fp8", v3(**_FP8), fp8=True, tokens=24),
    Case("deepseek_v3_mtp", v3(**SMALL, num_nextn_predict_layers=1), mtp=True, tokens=24),
    Case("deepseek_v3_odd", v3(**_ODD_DEEPSEEK), proves_routing=True, storage="float32"),
    Case("deepseek_v2", v2(**SMALL), prompt_length=20, generate=16),
    Case(
        "deepseek_v2_group",
        v2(
            **SMALL,
            n_group=4,
            q_lora_rank=20,
            routed_scaling_factor=16.0,
            topk_group=2,
            topk_method="group_limited_greedy",
        ),
        proves_routing=True,
    ),
    Case(
        "deepseek_v2_yarn",
        v2(**SMALL, rope_scaling=yarn(0.707, 0.707), max_position_embeddings=1280),
        tokens=48,
        prompt_length=40,
        generate=64,
    ),
    Case("qwen2_sharded", qwen2(**_SHARDED), storage="float32", shards=3, tokens=24),
    Case("qwen3", qwen3(tie_word_embeddings=True), new_style=True, prompt_length=20, generate=16),
    Case("qwen3_yarn", qwen3(rope_scaling=QWEN3_YARN), tokens=48),
    Case("llama_odd", llama(**_ODD_LLAMA), storage="float32", tokens=24),
]
