"""The layer for multi-token prediction of DeepSeek-V3 (arXiv 2412.19437, section 2.2), which
transformers leaves out: its frame written from the report, its block a decoder layer of transformers,
which the report says it is.

What the report leaves open is settled by DeepSeek's published modeling_deepseek.py: the state of the
main model has passed its final norm, and the embedding comes first in eh_proj.
"""

import json
import pathlib
import tempfile

import torch
from safetensors.torch import load_file, save_file

import reference
import routing

# What the layer has beside its block.
FRAME = {
    f"{name}.weight"
    for name in ["embed_tokens", "enorm", "hnorm", "eh_proj", "shared_head.norm", "shared_head.head"]
}


def share(state: dict[str, torch.Tensor], layers: int) -> None:
    """Makes the copies of the embedding and the head what they are in published checkpoints."""
    own = f"model.layers.{layers}."
    state[own + "embed_tokens.weight"] = state["model.embed_tokens.weight"].clone()
    state[own + "shared_head.head.weight"] = state["lm_head.weight"].clone()


def with_block(directory: pathlib.Path) -> torch.nn.Module:
    """The same model with one decoder layer more: the layer's block, at the place of its index."""
    config = json.loads((directory / "config.json").read_text())
    layers = config["num_hidden_layers"]
    frame = f"model.layers.{layers}."
    state = load_file(directory / "model.safetensors")
    block = {k: v for k, v in state.items() if k.removeprefix(frame) not in FRAME}
    with tempfile.TemporaryDirectory() as scratch:
        deeper = pathlib.Path(scratch)
        save_file(block, deeper / "model.safetensors", {"format": "pt"})
        (deeper / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers + 1}))
        return reference.load(deeper)


class Layer:
    """The layer of a checkpoint, beside its main model."""

    def __init__(self, model, directory: pathlib.Path):
        self.model = model
        self.eps = model.config.rms_norm_eps
        own = f"model.layers.{model.config.num_hidden_layers}."
        state = load_file(directory / "model.safetensors")
        self.weights = {k.removeprefix(own): v.float() for k, v in state.items() if own in k}
        self.deeper = with_block(directory)
        self.block = self.deeper.model.layers[model.config.num_hidden_layers]

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        scaled = x / (x.pow(2).mean(-1, keepdim=True) + self.eps).sqrt()
        return scaled * self.weights[name + ".weight"]

    def states(self, ids: torch.Tensor, final_norm: bool) -> torch.Tensor:
        """F32 [n, hidden] of the main model."""
        seen = []
        hook = self.model.model.norm.register_forward_hook(
            lambda norm, inputs, output: seen.extend([inputs[0], output])
        )
        self.model.model(input_ids=ids[None], use_cache=False)
        hook.remove()
        return seen[1 if final_norm else 0][0].float()

    def run_block(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(len(x))[None]
        future = torch.full((len(x), len(x)), -torch.inf).triu(1)[None, None]
        rotary = self.deeper.model.rotary_emb(x, position_ids=positions)
        out = self.block(
            x[None], attention_mask=future, position_ids=positions, position_embeddings=rotary
        )
        return (out[0] if isinstance(out, tuple) else out)[0]

    def logits(self, ids, final_norm=True, embedding_first=True) -> torch.Tensor:
        """F32 [n - 1, vocab]: row i, of the state at position i and the token at i + 1, says what
        stands at i + 2."""
        embedded = torch.nn.functional.embedding(ids[1:], self.weights["embed_tokens.weight"])
        pair = [self.norm(embedded, "enorm"), self.norm(self.states(ids, final_norm)[:-1], "hnorm")]
        pair = torch.cat(pair if embedding_first else pair[::-1], dim=-1)
        out = self.run_block(pair @ self.weights["eh_proj.weight"].T)
        return self.norm(out, "shared_head.norm") @ self.weights["shared_head.head.weight"].T


@torch.no_grad()
def logits_of(model, directory: pathlib.Path, ids: torch.Tensor) -> torch.Tensor:
    """The layer's logits; rejects a case whose router chooses by a hair, or in which the usual
    mistakes (the state before the final norm, the state first) don't show."""
    layer, gaps = Layer(model, directory), []
    hook = layer.block.mlp.gate.register_forward_hook(
        lambda router, inputs, _: gaps.append(routing.select(router, inputs[0])[1])
    )
    logits = layer.logits(ids)
    hook.remove()
    if min(gaps) < reference.MIN_ROUTER_MARGIN:
        raise reference.Rejected(f"router margin of the prediction layer is {min(gaps):.1e}")
    reference.check_margin(logits)
    for mistake in [{"final_norm": False}, {"embedding_first": False}]:
        change = (layer.logits(ids, **mistake) - logits).abs().max() / logits.abs().max()
        if change < 1e-2:
            raise reference.Rejected(f"the mistake {mistake} shows too little: {change:.1e}")
    return logits
