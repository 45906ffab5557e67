"""Random weights under the tensor names of the published checkpoints.

The names and shapes come from transformers' own save_pretrained; the values are drawn so that
logits, attention and routing are far from degenerate, then rounded to the storage type.
"""

import pathlib
import re
import tempfile

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM

# Standard deviation of W x for x of unit variance: queries and keys a little above one, so that
# attention has peaks.
_GAINS = [
    (re.compile(r"\.(q_proj|k_proj|q_b_proj|q_a_proj|kv_a_proj_with_mqa)\.weight$"), 1.4),
    (re.compile(r"\.gate\.weight$"), 1.2),
    (re.compile(r"\.down_proj\.weight$"), 1.6),
]


def published_shapes(config_dir: pathlib.Path) -> dict[str, list[int]]:
    """Tensor name -> shape, as save_pretrained stores the architecture of config.json."""
    config = AutoConfig.from_pretrained(config_dir)
    model = AutoModelForCausalLM.from_config(config)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        with safe_open(pathlib.Path(scratch) / "model.safetensors", "pt") as file:
            return {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}


def mtp_shapes(shapes: dict[str, list[int]], layers: int) -> dict[str, list[int]]:
    """The tensors of one multi-token-prediction layer as R1 stores them: a whole layer of the same
    shapes as the last one under index `layers`, and six tensors of its own."""
    last = f"model.layers.{layers - 1}."
    own = f"model.layers.{layers}."
    extra = {own + n[len(last) :]: s for n, s in shapes.items() if n.startswith(last)}
    vocab, hidden = shapes["model.embed_tokens.weight"]
    for name, shape in {
        "embed_tokens": [vocab, hidden],
        "enorm": [hidden],
        "hnorm": [hidden],
        "eh_proj": [hidden, 2 * hidden],
        "shared_head.norm": [hidden],
        "shared_head.head": [vocab, hidden],
    }.items():
        extra[f"{own}{name}.weight"] = shape
    return extra


def _draw(name, shape, generator, embedding_scale) -> torch.Tensor:
    if name.endswith("e_score_correction_bias"):
        # Positive, so that masking a group by 0 or by -inf selects alike, and as wide as scores.
        return torch.rand(shape, generator=generator) * 0.6 + 0.1
    noise = torch.randn(shape, generator=generator)
    if name.endswith(".bias"):
        return noise * 0.5
    if len(shape) == 1:
        return 1.0 + 0.25 * noise
    if name.endswith("embed_tokens.weight"):
        return noise * embedding_scale
    gain = next((g for pattern, g in _GAINS if pattern.search(name)), 1.0)
    return noise * gain / shape[1] ** 0.5


def random_state(shapes: dict[str, list[int]], storage: str, seed: int) -> dict[str, torch.Tensor]:
    """Draws every tensor in name order; the router's bias stays F32, as R1 stores it."""
    generator = torch.Generator().manual_seed(seed)
    # Tied to the output, a large embedding would make every token predict itself.
    embedding_scale = 1.0 if "lm_head.weight" in shapes else 0.3
    state = {}
    for name in sorted(shapes):
        value = _draw(name, shapes[name], generator, embedding_scale)
        keep = name.endswith("e_score_correction_bias")
        state[name] = value if keep else value.to(getattr(torch, storage))
    return state
