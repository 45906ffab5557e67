"""Writes the trained weights as a Hugging Face checkpoint with transformers' save_pretrained.

Checks that transformers' DeepseekV3ForCausalLM gives the logits of model.py, and completes
config.json with the classic DeepSeek-V3 names for readers older than transformers 5.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from torch import Tensor
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, GenerationConfig

from model import Mini, Shape

SIZES = [
    "vocab_size", "hidden_size", "intermediate_size", "moe_intermediate_size",
    "num_hidden_layers", "first_k_dense_replace", "num_attention_heads", "n_routed_experts",
    "n_shared_experts", "num_experts_per_tok", "n_group", "topk_group",
    "routed_scaling_factor", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim",
    "v_head_dim", "rms_norm_eps", "max_position_embeddings",
]


def make_config(s: Shape) -> DeepseekV3Config:
    """The transformers config of a shape."""
    return DeepseekV3Config(
        **{name: getattr(s, name) for name in SIZES}, q_lora_rank=None, norm_topk_prob=True,
        num_key_value_heads=s.num_attention_heads, num_mtp_layers=0, rope_interleave=True,
        rope_parameters={"rope_type": "default", "rope_theta": s.rope_theta},
        bos_token_id=0, eos_token_id=1, pad_token_id=2, tie_word_embeddings=False)


def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensor names of model.py to those of transformers in memory (experts stay stacked)."""
    swap = {".mlp.gate_up": ".mlp.experts.gate_up_proj", ".mlp.down": ".mlp.experts.down_proj"}
    out = {}
    for name, value in state.items():
        for old, new in swap.items():
            if name.endswith(old):
                name = name.removesuffix(old) + new
        out[name if name.startswith("lm_head") else "model." + name] = value
    return out


@torch.no_grad()
def check_logits(mini: Mini, theirs: DeepseekV3ForCausalLM) -> float:
    """Largest logit difference relative to the largest logit, in float32."""
    ids = torch.randint(3, mini.s.vocab_size, (4, 100), generator=torch.manual_seed(5))
    mine = mini.lm_head(mini(ids))
    other = theirs(ids).logits
    return float((mine - other).abs().max() / mine.abs().max())


def complete_config(path: Path, s: Shape) -> None:
    """Add the names that DeepSeek's own config.json has and transformers 5 drops."""
    config = json.loads(path.read_text("utf-8"))
    config.setdefault("rope_theta", s.rope_theta)
    config.setdefault("rope_scaling", None)
    config.setdefault("scoring_func", "sigmoid")
    config.setdefault("topk_method", "noaux_tc")
    config.setdefault("num_nextn_predict_layers", 0)
    config.setdefault("moe_layer_freq", 1)
    config.setdefault("torch_dtype", "bfloat16")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def export(checkpoint: Path, out: Path, averaged: bool) -> None:
    """Load, check, round to bfloat16 and save."""
    shape = Shape()
    mini = Mini(shape).eval()
    state = torch.load(checkpoint, weights_only=False, map_location="cpu")
    state = state["ema" if averaged else "model"]
    mini.load_state_dict(state)
    theirs = DeepseekV3ForCausalLM(make_config(shape)).eval()
    missing = theirs.load_state_dict(rename(state), strict=False)
    assert not missing.missing_keys and not missing.unexpected_keys, missing
    difference = check_logits(mini, theirs)
    assert difference < 1e-4, difference
    # The router bias stays float32, as in DeepSeek's own checkpoints.
    biases = {n: b.clone() for n, b in theirs.named_buffers() if "correction_bias" in n}
    theirs = theirs.to(torch.bfloat16)
    for name, value in biases.items():
        module, _, leaf = name.rpartition(".")
        setattr(theirs.get_submodule(module), leaf, value)
    theirs.generation_config = GenerationConfig(
        bos_token_id=0, eos_token_id=1, pad_token_id=2, do_sample=False)
    theirs.save_pretrained(out)
    complete_config(out / "config.json", shape)
    print(f"logits agree to {difference:.2e}; {sum(p.numel() for p in mini.parameters())} weights")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of tokenizer.json")
    parser.add_argument("--averaged", action="store_true", help="use the averaged weights")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    export(args.checkpoint, args.out, args.averaged)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if args.tokenizer.resolve() != args.out.resolve():
            shutil.copyfile(args.tokenizer / name, args.out / name)


if __name__ == "__main__":
    main()
