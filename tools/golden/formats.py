"""Golden vectors of the weight formats, from the gguf package and PyTorch (a developer's tool).

    python tools/golden/formats.py        writes src/hearth/formats/testdata/

Files, little endian, without a header; the reader knows the sizes from the format:
    <format>.decode.bin   n blocks as stored, then n * elements float32, their exact values
    <format>.encode.bin   n * elements float32, then the n blocks that the reference makes of them
"""

import pathlib

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

OUT = pathlib.Path(__file__).parents[2] / "src/hearth/formats/testdata"
# Scales as F16 bits: zero, smallest, subnormal, one, largest, negative, infinity, NaN.
EXTREMES = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF, 0x8001, 0x7C00, 0x7E00]

# format: (gguf type, bytes a block, offsets of its F16 scales, blocks)
BLOCKS = {
    "q8_0": (Type.Q8_0, 34, [0], 48),
    "q4_0": (Type.Q4_0, 18, [0], 48),
    "q4_k": (Type.Q4_K, 144, [0, 2], 20),
    "q6_k": (Type.Q6_K, 210, [208], 20),
    "q4_1": (Type.Q4_1, 20, [0, 2], 48),
    "q5_0": (Type.Q5_0, 22, [0], 48),
    "q5_1": (Type.Q5_1, 24, [0, 2], 48),
    "q2_k": (Type.Q2_K, 84, [80, 82], 16),
    "q3_k": (Type.Q3_K, 110, [108], 16),
    "q5_k": (Type.Q5_K, 176, [0, 2], 16),
    "iq4_nl": (Type.IQ4_NL, 18, [0], 48),
    "iq4_xs": (Type.IQ4_XS, 136, [0], 16),
    "iq3_xxs": (Type.IQ3_XXS, 98, [0], 16),
    "iq3_s": (Type.IQ3_S, 110, [0], 16),
    "iq2_xxs": (Type.IQ2_XXS, 66, [0], 16),
    "iq2_xs": (Type.IQ2_XS, 74, [0], 16),
    "iq2_s": (Type.IQ2_S, 82, [0], 16),
    "iq1_s": (Type.IQ1_S, 50, [0], 16),
    "iq1_m": (Type.IQ1_M, 56, [], 16),
    "tq1_0": (Type.TQ1_0, 54, [52], 16),
    "tq2_0": (Type.TQ2_0, 66, [64], 16),
    "mxfp4": (Type.MXFP4, 17, [], 48),
}
ENCODED = ("q8_0", "q4_0")  # our encoders give the same bytes
VALID = ("q4_1", "q5_0", "q5_1", "tq1_0", "tq2_0", "mxfp4")  # ours must be better


def random_blocks(rng, block_bytes, scale_offsets, count):
    """Random bytes with scales of plausible size; the first blocks have extreme ones."""
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for i, offset in enumerate(scale_offsets):
        scales = rng.normal(0, 0.02, count).astype(np.float16).view(np.uint16)
        extremes = np.roll(np.array(EXTREMES, np.uint16), 3 * i)
        scales[: len(extremes)] = extremes
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def spread_scales(rng, blocks):
    """IQ1_M keeps its F16 scale in the upper nibbles of its last four u16."""
    scales = rng.normal(0, 0.02, len(blocks)).astype(np.float16).view(np.uint16)
    scales[: len(EXTREMES)] = EXTREMES
    for s in range(4):
        high = 48 + 2 * s + 1
        nibble = (scales >> (4 * s) & 15).astype(np.uint8)
        blocks[:, high] = blocks[:, high] & 15 | nibble << 4


def decode_blocks(rng, name):
    """Random bytes; after them blocks that the package makes of weights, where it can."""
    kind, block_bytes, offsets, count = BLOCKS[name]
    blocks = random_blocks(rng, block_bytes, offsets, count)
    if name == "iq1_m":
        spread_scales(rng, blocks)
    if name == "mxfp4":  # all exponents but 255, which is NaN to OCP and a number to ggml
        blocks = random_blocks(rng, block_bytes, offsets, 255)
        blocks[:, 0] = np.arange(255)
    if name in VALID:
        elements = gguf.GGML_QUANT_SIZES[kind][0]
        valid = gguf.quants.quantize(weights(rng, 8, elements), kind)
        blocks = np.concatenate([blocks, valid])
    return blocks


def weights(rng, count, elements):
    """Normal rows of many magnitudes, then the awkward ones: zeros, ties, one spike."""
    x = rng.normal(0, 1, (count, elements)) * 10.0 ** rng.integers(-6, 4, (count, 1))
    x = x.astype(np.float32)
    x[0] = 0
    x[1] = 0
    x[1, 5] = -3.5
    x[2] = np.arange(elements) - elements / 2
    x[3] = 0.5
    x[4] = -x[4, 0]
    return x


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20250120)
    for name, (kind, *_) in BLOCKS.items():
        blocks = decode_blocks(rng, name)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(blocks, kind).astype("<f4")
        (OUT / f"{name}.decode.bin").write_bytes(blocks.tobytes() + values.tobytes())
    for name in ENCODED + VALID:
        kind = BLOCKS[name][0]
        elements = gguf.GGML_QUANT_SIZES[kind][0]
        x = weights(rng, 32 if elements == 32 else 10, elements)
        blocks = gguf.quants.quantize(x, kind)
        (OUT / f"{name}.encode.bin").write_bytes(x.astype("<f4").tobytes() + blocks.tobytes())
    f8 = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
    (OUT / "f8_e4m3.decode.bin").write_bytes(
        f8.view(torch.uint8).numpy().tobytes() + f8.float().numpy().astype("<f4").tobytes()
    )
    steps = f8.float()[:127].double()
    ties = (steps[1:] + steps[:-1]) / 2
    # Nothing beyond 464, where PyTorch's versions disagree (saturation or NaN).
    x = torch.cat([steps, ties, ties * (1 + 1e-6), ties * (1 - 1e-6), torch.tensor([464.0, 1e-30])])
    x = torch.cat([x, -x]).float()
    codes = x.to(torch.float8_e4m3fn).view(torch.uint8)
    (OUT / "f8_e4m3.encode.bin").write_bytes(
        x.numpy().astype("<f4").tobytes() + codes.numpy().tobytes()
    )


if __name__ == "__main__":
    main()
