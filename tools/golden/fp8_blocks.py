"""Block-scaled FP8 weights as DeepSeek-V3 and R1 store them.

A linear weight W [out, in] becomes F8_E4M3 bytes of the same shape and `<name>_scale_inv`, F32
[ceil(out / 128), ceil(in / 128)]; W[i, j] = byte[i, j] * scale_inv[i / 128, j / 128]. Embeddings,
norms, the router's gate, its bias and lm_head are not quantised.
"""

import re

import torch

BLOCK = 128
E4M3_MAX = 448.0
_LINEAR = re.compile(r"\.(self_attn|mlp)\..*_(proj|proj_with_mqa)\.weight$")


def _spread(scales: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Repeats each block's scale over its elements; ragged last tiles are cut off."""
    wide = scales.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    return wide[: shape[0], : shape[1]]


def quantise(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """F8_E4M3 values and F32 scale_inv = largest |value| of the block / 448."""
    rows, columns = (-(-side // BLOCK) for side in weight.shape)
    padded = torch.zeros(rows * BLOCK, columns * BLOCK)
    padded[: weight.shape[0], : weight.shape[1]] = weight.float()
    blocks = padded.view(rows, BLOCK, columns, BLOCK).abs()
    scales = blocks.amax(dim=(1, 3)) / E4M3_MAX
    return (weight.float() / _spread(scales, weight.shape)).to(torch.float8_e4m3fn), scales


def dequantise(weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return weight.float() * _spread(scales, weight.shape)


def _unequal(weight: torch.Tensor) -> torch.Tensor:
    """Scales the tiles by 1/2, 1 and 2 in turn: a reader that takes a wrong tile's scale shows."""
    rows, columns = (torch.arange(-(-side // BLOCK)) for side in weight.shape)
    factors = 2.0 ** ((rows[:, None] + 2 * columns + 1) % 3 - 1)
    return weight.float() * _spread(factors, weight.shape)


def quantise_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Adds scales and replaces the linear weights; the others stay as they are."""
    result = {}
    for name, value in state.items():
        if _LINEAR.search(name):
            result[name], result[name + "_scale_inv"] = quantise(_unequal(value))
        else:
            result[name] = value
    return result


def dequantise_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """F32 tensors under the plain names."""
    return {
        name: dequantise(value, state[name + "_scale_inv"])
        if name + "_scale_inv" in state
        else value.float()
        for name, value in state.items()
        if not name.endswith("_scale_inv")
    }
