"""Whole networks of a few kilobytes as checkpoint directories and as GGUF files, one for each
architecture, layout and weight format that the readers have a branch for: seeds of fuzz targets.
"""

import json
import math
import struct

VOCABULARY, WIDTH, INNER, HEADS = 16, 8, 16, 2
KV_RANK, NOPE, ROPE, VALUE = 4, 4, 2, 4  # of MLA
EXPERTS, EXPERT_INNER, Q_RANK = 4, 8, 4

# Name: GGUF's number, elements and bytes of a block.
FORMATS = {
    "F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "F8_E4M3": (None, 1, 1),
    "Q8_0": (8, 32, 34), "Q4_0": (2, 32, 18), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210),
}  # fmt: skip

Shapes = dict[str, tuple[int, ...]]


def numbers(count: int) -> bytes:
    """Floats around zero that are all different."""
    return struct.pack(f"<{count}f", *((i * 37 % 101 - 50) / 100 for i in range(count)))


def encoded(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Rows of a format. No byte is above 0x3B, so that no scale or number is infinite or NaN."""
    if dtype == "F32":
        return numbers(math.prod(shape))
    _, elements, size = FORMATS[dtype]
    assert shape[-1] % elements == 0
    return bytes(i * 37 % 0x3C for i in range(math.prod(shape) // elements * size))


# Networks ----------------------------------------------------------------------------------------


def mlp(name: str, inner: int, width: int) -> Shapes:
    up = {f"{name}.{part}_proj.weight": (inner, width) for part in ("gate", "up")}
    return up | {f"{name}.down_proj.weight": (width, inner)}


def ends(width: int) -> Shapes:
    return {
        "model.embed_tokens.weight": (VOCABULARY, width),
        "model.norm.weight": (width,),
        "lm_head.weight": (VOCABULARY, width),
    }


def layer(number: int, width: int, parts: Shapes) -> Shapes:
    norms = {f"{n}.weight": (width,) for n in ("input_layernorm", "post_attention_layernorm")}
    return {f"model.layers.{number}.{name}": shape for name, shape in (norms | parts).items()}


def base_config(model_type: str, width: int, layers: int) -> dict:
    return {
        "model_type": model_type, "vocab_size": VOCABULARY, "hidden_size": width,
        "intermediate_size": INNER, "num_hidden_layers": layers, "num_attention_heads": HEADS,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
    }  # fmt: skip


def dense(model_type: str, width: int = WIDTH) -> tuple[dict, Shapes]:
    """llama, qwen2 (with biases) or qwen3 (with norms of q and k, heads wider than their share)."""
    head = 6 if model_type == "qwen3" else 4
    kv_heads = 1 if model_type != "llama" else HEADS
    own = {"num_key_value_heads": kv_heads, "head_dim": head}
    config = base_config(model_type, width, 1) | own
    rows = {"q": HEADS * head, "k": kv_heads * head, "v": kv_heads * head}
    parts = {f"self_attn.{part}_proj.weight": (count, width) for part, count in rows.items()}
    parts["self_attn.o_proj.weight"] = (width, HEADS * head)
    if model_type == "qwen2":
        parts |= {f"self_attn.{part}_proj.bias": (count,) for part, count in rows.items()}
    if model_type == "qwen3":
        parts |= {f"self_attn.{part}_norm.weight": (head,) for part in "qk"}
    return config, ends(width) | layer(0, width, parts | mlp("mlp", INNER, width))


def deepseek(model_type: str, width: int = WIDTH, layers: int = 2) -> tuple[dict, Shapes]:
    """deepseek_v3 with a projected q, groups and YaRN; deepseek_v2 without. The last layer has
    experts."""
    v3 = model_type == "deepseek_v3"
    config = base_config(model_type, width, layers) | {
        "q_lora_rank": Q_RANK if v3 else None, "kv_lora_rank": KV_RANK, "qk_nope_head_dim": NOPE,
        "qk_rope_head_dim": ROPE, "v_head_dim": VALUE, "n_routed_experts": EXPERTS,
        "num_experts_per_tok": 2, "n_group": 2 if v3 else 1, "topk_group": 1,
        "moe_intermediate_size": EXPERT_INNER, "n_shared_experts": 1, "first_k_dense_replace": layers - 1,
        "routed_scaling_factor": 2.5, "norm_topk_prob": v3,
        "scoring_func": "sigmoid" if v3 else "softmax",
        "topk_method": "noaux_tc" if v3 else "greedy",
    }  # fmt: skip
    if v3:
        config["rope_scaling"] = {
            "type": "yarn", "factor": 40, "original_max_position_embeddings": 32, "beta_fast": 32,
            "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
        }  # fmt: skip
    q_rows = HEADS * (NOPE + ROPE)
    attention = {
        "self_attn.kv_a_proj_with_mqa.weight": (KV_RANK + ROPE, width),
        "self_attn.kv_a_layernorm.weight": (KV_RANK,),
        "self_attn.kv_b_proj.weight": (HEADS * (NOPE + VALUE), KV_RANK),
        "self_attn.o_proj.weight": (width, HEADS * VALUE),
    }
    if v3:
        attention["self_attn.q_a_proj.weight"] = (Q_RANK, width)
        attention["self_attn.q_a_layernorm.weight"] = (Q_RANK,)
        attention["self_attn.q_b_proj.weight"] = (q_rows, Q_RANK)
    else:
        attention["self_attn.q_proj.weight"] = (q_rows, width)
    moe = {"mlp.gate.weight": (EXPERTS, width)} | mlp("mlp.shared_experts", EXPERT_INNER, width)
    for number in range(EXPERTS):
        moe |= mlp(f"mlp.experts.{number}", EXPERT_INNER, width)
    if v3:
        moe["mlp.gate.e_score_correction_bias"] = (EXPERTS,)
    shapes = ends(width)
    for number in range(layers - 1):
        shapes |= layer(number, width, attention | mlp("mlp", INNER, width))
    return config, shapes | layer(layers - 1, width, attention | moe)


# Directories -------------------------------------------------------------------------------------


def safetensors(tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> bytes:
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        place = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": place}
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def directory(network: tuple[dict, Shapes], dtype: str) -> tuple[dict, bytes]:
    """config.json and model.safetensors; FP8 as R1 has it, with scales of blocks of 128 x 128."""
    config, shapes = network
    eight_bits = dtype == "F8_E4M3"
    tensors = {}
    for name, shape in shapes.items():
        packed = len(shape) == 2 and "_proj" in name
        own = dtype if packed or not eight_bits else "BF16"
        tensors[name] = (own, shape, encoded(own, shape))
        if eight_bits and packed:
            scales = tuple(math.ceil(size / 128) for size in shape)
            tensors[f"{name}_scale_inv"] = ("F32", scales, numbers(math.prod(scales)))
    if eight_bits:
        config = config | {"quantization_config": {
            "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
            "weight_block_size": [128, 128]}}  # fmt: skip
    return config, safetensors(tensors)


def directories() -> list[tuple[dict, bytes]]:
    return [
        directory(dense("llama"), "F32"),
        directory(dense("qwen2"), "BF16"),
        directory(dense("qwen3"), "F16"),
        directory(deepseek("deepseek_v2"), "F32"),
        directory(deepseek("deepseek_v3"), "BF16"),
        directory(deepseek("deepseek_v3"), "F8_E4M3"),
    ]


# GGUF --------------------------------------------------------------------------------------------

GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
    "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp", "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps", "mlp.experts.down_proj": "ffn_down_exps",
}  # fmt: skip


def gguf_shapes(shapes: Shapes, split_latent: bool) -> Shapes:
    """llama.cpp's names: experts stacked, kv_b whole as until April 2025, or `split_latent`."""
    found = {}
    for name, shape in shapes.items():
        parts = name.split(".")
        block = f"blk.{parts[2]}." if parts[:2] == ["model", "layers"] else ""
        parts = parts[3:] if block else parts
        if "experts" in parts:
            if parts.pop(2) != "0":
                continue
            shape = (EXPERTS, *shape)
        kind = "" if parts[-1] == "e_score_correction_bias" else f".{parts.pop()}"
        name = block + GGUF_NAMES[".".join(parts)] + kind
        if name.endswith("attn_kv_b.weight") and split_latent:
            found[f"{block}attn_k_b.weight"] = (HEADS, KV_RANK, NOPE)
            found[f"{block}attn_v_b.weight"] = (HEADS, VALUE, KV_RANK)
        else:
            found[name] = shape
    return found


def gguf_text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf_value(key: str, value) -> bytes:
    """A number, a text, or a list of texts, floats or (signed) integers."""
    if isinstance(value, list):
        kind = 8 if isinstance(value[0], str) else 6 if isinstance(value[0], float) else 5
        form = {6: "<f", 5: "<i"}.get(kind)
        items = b"".join(struct.pack(form, v) if form else gguf_text(v) for v in value)
        return gguf_text(key) + struct.pack("<IIQ", 9, kind, len(value)) + items
    if isinstance(value, str):
        return gguf_text(key) + struct.pack("<I", 8) + gguf_text(value)
    if isinstance(value, bool):
        return gguf_text(key) + struct.pack("<IB", 7, value)
    form = "<If" if isinstance(value, float) else "<II"
    return gguf_text(key) + struct.pack(form, 6 if isinstance(value, float) else 4, value)


def deepseek_keys(config: dict, split_latent: bool) -> dict:
    v3 = config["model_type"] == "deepseek_v3"
    head = {"attention.key_length": NOPE + ROPE, "attention.value_length": VALUE}
    if split_latent:
        head = {f"{key}_mla": value for key, value in head.items()} | {
            "attention.head_count_kv": 1, "attention.key_length": KV_RANK + ROPE,
            "attention.value_length": KV_RANK}  # fmt: skip
    keys = head | {
        "attention.kv_lora_rank": KV_RANK, "rope.dimension_count": ROPE, "expert_count": EXPERTS,
        "expert_used_count": 2, "expert_shared_count": 1,
        "leading_dense_block_count": config["first_k_dense_replace"], "expert_feed_forward_length": EXPERT_INNER, "expert_weights_scale": 2.5,
        "expert_weights_norm": v3,
    }  # fmt: skip
    if not v3:
        return keys  # as files were before the keys of groups and gating
    return keys | {
        "attention.q_lora_rank": Q_RANK, "expert_gating_func": 2, "expert_group_count": 2,
        "expert_group_used_count": 1, "rope.scaling.type": "yarn", "rope.scaling.factor": 40.0,
        "rope.scaling.original_context_length": 32, "rope.scaling.yarn_log_multiplier": 0.1,
    }  # fmt: skip


def gguf_keys(config: dict, split_latent: bool) -> dict:
    name = "deepseek2" if "kv_lora_rank" in config else config["model_type"]
    keys = {
        "block_count": config["num_hidden_layers"], "embedding_length": config["hidden_size"],
        "feed_forward_length": INNER, "context_length": 64, "attention.head_count": HEADS,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }  # fmt: skip
    if name == "deepseek2":
        keys |= deepseek_keys(config, split_latent)
    else:
        head = config["head_dim"]
        keys |= {"attention.head_count_kv": config["num_key_value_heads"],
                 "attention.key_length": head, "rope.dimension_count": head}  # fmt: skip
    named = {f"{name}.{key}": value for key, value in keys.items()}
    return {"general.architecture": name} | named


def gguf_file(values: dict, shapes: Shapes, dtype: str = "F32") -> bytes:
    """Rows that are no whole blocks are F16, vectors and routers F32, as converters write them."""
    tensors, data = b"", b""
    for name, shape in shapes.items():
        own = dtype if shape[-1] % FORMATS[dtype][1] == 0 else "F16"
        own = "F32" if len(shape) == 1 or "ffn_gate_inp" in name else own
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        tensors += gguf_text(name) + sizes + struct.pack("<IQ", FORMATS[own][0], len(data))
        data += encoded(own, shape)
        data += bytes(-len(data) % 32)
    metadata = b"".join(gguf_value(key, value) for key, value in values.items())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(values)) + metadata + tensors
    return head + bytes(-len(head) % 32) + data


def gguf_network(network: tuple[dict, Shapes], dtype: str, split_latent: bool = True) -> bytes:
    config, shapes = network
    return gguf_file(gguf_keys(config, split_latent), gguf_shapes(shapes, split_latent), dtype)


def ggufs() -> list[bytes]:
    return [
        gguf_network(dense("llama"), "F32"),
        gguf_network(dense("llama", 256), "Q6_K"),
        gguf_network(dense("qwen2", 32), "Q8_0"),
        gguf_network(dense("qwen3", 32), "Q4_0"),
        gguf_network(deepseek("deepseek_v2"), "BF16", split_latent=False),
        gguf_network(deepseek("deepseek_v3"), "F16"),
        gguf_network(deepseek("deepseek_v3", 32), "Q8_0", split_latent=False),
        gguf_network(deepseek("deepseek_v3", 256, 1), "Q4_K"),
    ]


# Vocabularies ------------------------------------------------------------------------------------

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>"


def alphabet() -> list[str]:
    """The letters of byte-level vocabularies, GPT-2's, by byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(b if b in shown else 256 + hidden.index(b)) for b in range(256)]


def gguf_vocabularies() -> list[bytes]:
    """Byte-level pairs with two pre-tokenizers, and SentencePiece's; two with a chat template."""
    space = alphabet()[32]
    words = [*alphabet(), "th", "the", f"{space}a", "<|end|>"]
    pairs = {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.token_type": [1] * (len(words) - 1) + [3],
        "tokenizer.ggml.merges": ["t h", "th e", f"{space} a"],
        "tokenizer.ggml.eos_token_id": len(words) - 1,
    }  # fmt: skip
    pieces = ["<unk>", "<s>", "</s>", *BYTE_TOKENS, "\u2581", "a", "\u2581a"]
    sentence_piece = {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * 3,
        "tokenizer.ggml.scores": [0.0] * 259 + [-1.0, -2.0, -0.5],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": True, "tokenizer.chat_template": TEMPLATE,
    }  # fmt: skip
    named = [pairs | {"tokenizer.ggml.pre": name} for name in ("deepseek-v3", "qwen2")]
    named[1]["tokenizer.chat_template"] = TEMPLATE
    return [gguf_file(values, {"w": (8,)}) for values in (*named, sentence_piece)]
