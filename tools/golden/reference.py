"""Float32 transformers as the oracle: logits of a checkpoint directory, greedy continuation, and
the checks that keep a golden case robust (clear top-1, clear routing, attention with peaks)."""

import json
import pathlib
from dataclasses import dataclass

import torch
import transformers
from safetensors.torch import save
from transformers import AutoModelForCausalLM

MIN_LOGIT_MARGIN = 1e-3  # of max |logit|: the least gap of the two best logits at any position
MIN_ROUTER_MARGIN = 1e-4  # of scores in [0, 1]: the least gap at a border of the selection
MAX_CACHE_ERROR = 1e-5  # of max |logit|: cached against uncached


class Rejected(Exception):
    """This seed gives a case that is too fragile or proves too little."""


@dataclass
class Golden:
    input_ids: torch.Tensor  # I64 [n]
    logits: torch.Tensor  # F32 [n, vocab]
    generated_ids: torch.Tensor | None = None  # I64 [m]
    generated_logits: torch.Tensor | None = None  # F32 [m, vocab], row i chose generated_ids[i]
    mtp_logits: torch.Tensor | None = None  # F32 [n - 1, vocab], row i says what stands at i + 2


def load(directory: pathlib.Path, ignored: str = "") -> torch.nn.Module:
    """Loads in float32 with the plain attention; every tensor must be known and present, except
    that names beginning with `ignored` (if not empty) may be left over."""
    model, info = AutoModelForCausalLM.from_pretrained(
        directory,
        dtype=torch.float32,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
    )
    unexpected = [k for k in info["unexpected_keys"] if not (ignored and k.startswith(ignored))]
    if info["missing_keys"] or unexpected or info["mismatched_keys"]:
        raise RuntimeError(f"{directory.name}: tensors do not match the architecture: {info}")
    assert all(p.dtype == torch.float32 for p in model.parameters())
    return model.eval()


@torch.no_grad()
def logits_of(model, ids: torch.Tensor) -> torch.Tensor:
    """F32 [n, vocab] of ids [n], all positions at once without a cache."""
    return model(input_ids=ids[None], use_cache=False).logits[0].float()


@torch.no_grad()
def greedy(model, prompt: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Greedy continuation: ids I64 [steps] and the logits that chose them. The whole sequence is
    computed anew at each step; transformers' own cached generate must agree."""
    ids, rows = prompt, []
    for _ in range(steps):
        rows.append(logits_of(model, ids)[-1])
        ids = torch.cat([ids, rows[-1].argmax()[None]])
    chosen, logits = ids[len(prompt) :], torch.stack(rows)
    cached = model.generate(
        prompt[None],
        attention_mask=torch.ones_like(prompt)[None],
        max_new_tokens=steps,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    if not torch.equal(cached.sequences[0, len(prompt) :], chosen):
        raise Rejected("cached generation chose other tokens")
    error = (torch.cat(cached.logits) - logits).abs().max() / logits.abs().max()
    if error > MAX_CACHE_ERROR:
        raise Rejected(f"cached generation differs by {error:.1e}")
    return chosen, logits


def store(golden: Golden, path: pathlib.Path, seed: int, prompt_length: int = 0) -> None:
    """One safetensors file; the keys of its metadata are sorted, which safetensors itself does
    not promise, so that the same golden gives the same bytes."""
    metadata = {"seed": str(seed), "transformers": transformers.__version__}
    if golden.generated_ids is not None:
        metadata["prompt_length"] = str(prompt_length)
    raw = save({k: v.contiguous() for k, v in vars(golden).items() if v is not None})
    size = int.from_bytes(raw[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items()))} | json.loads(raw[8 : 8 + size])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])


def check_margin(logits: torch.Tensor) -> float:
    """The least gap of the two best logits of a row, relative to the largest |logit|."""
    best = logits.topk(2, dim=-1).values
    margin = float((best[:, 0] - best[:, 1]).min() / logits.abs().max())
    if margin < MIN_LOGIT_MARGIN:
        raise Rejected(f"top-1 margin is {margin:.1e}")
    return margin


@torch.no_grad()
def check_attention(model, ids: torch.Tensor) -> float:
    """Mean over heads and late positions of the largest attention weight: must show peaks, yet not
    rest on one position alone."""
    weights = model(input_ids=ids[None], use_cache=False, output_attentions=True).attentions
    peak = float(torch.stack([w[0, :, 8:].max(-1).values.mean() for w in weights]).mean())
    if not 0.15 < peak < 0.9:
        raise Rejected(f"attention peaks at {peak:.2f}")
    return peak


def run(model, ids: torch.Tensor, prompt_length: int, steps: int, eos: int) -> Golden:
    """The golden outputs of one sequence, checked for clear choices everywhere."""
    golden = Golden(ids, logits_of(model, ids))
    check_margin(golden.logits)
    check_attention(model, ids)
    if steps:
        chosen, logits = greedy(model, ids[:prompt_length], steps)
        check_margin(logits)
        if eos in chosen.tolist():
            raise Rejected("the continuation holds the end-of-sequence token")
        if len(set(chosen.tolist())) < min(8, steps // 2):
            raise Rejected("the continuation repeats itself")
        golden.generated_ids, golden.generated_logits = chosen, logits
    return golden
