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
}


def random_blocks(rng, block_bytes, scale_offsets, count):
    """Random bytes with scales of plausible size; the first blocks have extreme ones."""
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for i, offset in enumerate(scale_offsets):
        scales = rng.normal(0, 0.02, count).astype(np.float16).view(np.uint16)
        extremes = np.roll(np.array(EXTREMES, np.uint16), 3 * i)
        scales[: len(extremes)] = extremes
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
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
    for name, (kind, block_bytes, offsets, count) in BLOCKS.items():
        blocks = random_blocks(rng, block_bytes, offsets, count)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(blocks, kind).astype("<f4")
        (OUT / f"{name}.decode.bin").write_bytes(blocks.tobytes() + values.tobytes())
    for name in ("q8_0", "q4_0"):
        x = weights(rng, 32, 32)
        blocks = gguf.quants.quantize(x, BLOCKS[name][0])
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
