"""Writes tests/golden/foreign/<case>/: tiny checkpoints as other tools quantise them, what the
tools' own dequantisation makes of one matrix, and the logits of float32 transformers over the
dequantised weights.

    python make_foreign.py [--output DIR] [CASE ...]

bitsandbytes and compressed-tensors are asked themselves. AWQ, GPTQ and FBGEMM are packed here from
their published layouts.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import bitsandbytes.functional as bnb  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from compressed_tensors.compressors.pack_quantized import helpers as ct  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import random_weights  # noqa: E402
import reference  # noqa: E402
from cases import llama, qwen2  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
KEPT = ("mlp.down_proj",)  # whose dequantised values are stored
AWQ_NIBBLE = (0, 4, 1, 5, 2, 6, 3, 7)  # of each of eight neighbouring outputs
FP8 = torch.float8_e4m3fn


def to_i32(words: torch.Tensor) -> torch.Tensor:
    """I64 values of 32 bits as I32 with the same bits."""
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def pack(codes: torch.Tensor, bits: int, dim: int, order=None) -> torch.Tensor:
    """Codes as fields of I32 words along `dim`, ascending or in the places of `order`."""
    per = 32 // bits
    codes = codes.to(torch.int64).movedim(dim, -1)
    fields = codes.reshape(*codes.shape[:-1], -1, per)
    places = torch.tensor(order or range(per)) * bits
    return to_i32((fields << places).sum(-1)).movedim(-1, dim).contiguous()


def integers(weight: torch.Tensor, bits: int, group: int, symmetric: bool, order=None):
    """Round to nearest: codes [out, in], zeros and F16 scales [out, groups], group of each column."""
    out, columns = weight.shape
    group = columns if group < 0 else group
    of = torch.arange(columns) // group
    if order is not None:
        of = of[order]
    zeros, scales = torch.zeros(2, out, columns // group)
    codes = torch.zeros(out, columns, dtype=torch.int64)
    top = 2**bits - 1
    for g in range(columns // group):
        part = weight[:, of == g]
        low, high = part.amin(1).clamp(max=0), part.amax(1).clamp(min=0)
        if symmetric:
            high = torch.maximum(high, -low)
            low = -high
        scale = ((high - low) / top).half().float()
        zero = torch.full((out,), 2 ** (bits - 1)) if symmetric else (-low / scale).round()
        zero = zero.clamp(1, top)
        codes[:, of == g] = (part / scale[:, None] + zero[:, None]).round().clamp(0, top).long()
        zeros[:, g], scales[:, g] = zero, scale
    meant = (codes - zeros[:, of]) * scales[:, of]
    return codes, zeros.long(), scales, of.to(torch.int32), meant


def awq(weight, group):
    codes, zeros, scales, _, meant = integers(weight, 4, group, False)
    return meant, {
        "qweight": pack(codes.T, 4, 1, AWQ_NIBBLE),
        "qzeros": pack(zeros.T, 4, 1, AWQ_NIBBLE),
        "scales": scales.T.half().contiguous(),
    }


def gptq(weight, bits, group, symmetric, version, permuted):
    drawn = torch.Generator().manual_seed(7)
    order = torch.randperm(weight.shape[1], generator=drawn) if permuted else None
    codes, zeros, scales, of, meant = integers(weight, bits, group, symmetric, order)
    return meant, {
        "qweight": pack(codes.T, bits, 0),
        "qzeros": pack(zeros.T - (1 if version == 1 else 0), bits, 1),
        "scales": scales.T.half().contiguous(),
        "g_idx": of,
    }


def fp8(weight, per_row, dtype):
    most = weight.abs().amax(1, keepdim=True) if per_row else weight.abs().max().reshape(1)
    scale = (most / 448).to(dtype)
    codes = (weight / scale.float()).clamp(-448, 448).to(FP8)
    return codes.float() * scale.float(), {"weight": codes, "weight_scale": scale}


def bnb_int8(weight):
    codes, rows, _ = bnb.int8_vectorwise_quant(weight.half())
    meant = bnb.int8_vectorwise_dequant(codes, rows)
    packing = torch.zeros((), dtype=torch.uint8)
    return meant, {"weight": codes, "SCB": rows, "weight_format": packing}


def bnb_4bit(weight, kind, nested):
    codes, state = bnb.quantize_4bit(
        weight.float(), blocksize=64, compress_statistics=nested, quant_type=kind
    )
    parts = {f"weight.{name}": value for name, value in state.as_dict(packed=True).items()}
    return bnb.dequantize_4bit(codes, state), {"weight": codes} | parts


def ct_packed(weight, bits, group, symmetric):
    codes, zeros, scales, _, meant = integers(weight, bits, group, symmetric)
    half = 2 ** (bits - 1)
    signed = (codes - half).to(torch.int8)
    packed = ct.pack_to_int32(signed, bits)
    assert torch.equal(ct.unpack_from_int32(packed, bits, weight.shape), signed)
    parts = {
        "weight_packed": packed,
        "weight_scale": scales.half(),
        "weight_shape": torch.tensor(weight.shape),
    }
    if not symmetric:
        offset = (zeros - half).to(torch.int8)
        parts["weight_zero_point"] = ct.pack_to_int32(offset, bits, packed_dim=0).contiguous()
    return meant, parts


def ct_int8(weight):
    scale = (weight.abs().amax(1, keepdim=True) / 127).bfloat16()
    codes = (weight / scale.float()).round().clamp(-128, 127)
    return codes * scale.float(), {"weight": codes.to(torch.int8), "weight_scale": scale}


def gptq_config(bits, group, symmetric, version, permuted):
    return {
        "quant_method": "gptq",
        "bits": bits,
        "group_size": group,
        "sym": symmetric,
        "desc_act": permuted,
        "checkpoint_format": "gptq" if version == 1 else "gptq_v2",
    }


def awq_config(group):
    return {
        "quant_method": "awq",
        "bits": 4,
        "group_size": group,
        "version": "gemm",
        "zero_point": True,
        "modules_to_not_convert": None,
    }


def ct_config(format, **weights):
    return {
        "quant_method": "compressed-tensors",
        "format": format,
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"],
    }


def bnb_config(**fields):
    return {"quant_method": "bitsandbytes", "load_in_8bit": False, "load_in_4bit": False} | fields


def gptq_case(*options):
    return gptq_config(*options), lambda w: gptq(w, *options)


# name -> quantization_config, quantiser
CASES = {
    "fp8_tensor": (
        {"quant_method": "fp8", "activation_scheme": "static"},
        lambda w: fp8(w, False, torch.float32),
    ),
    "fbgemm_fp8": (
        {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0},
        lambda w: fp8(w, True, torch.float32),
    ),
    "ct_fp8_channel": (
        ct_config("float-quantized", num_bits=8, type="float", strategy="channel"),
        lambda w: fp8(w, True, torch.bfloat16),
    ),
    "awq_g32": (awq_config(32), lambda w: awq(w, 32)),
    "awq_g64": (awq_config(64), lambda w: awq(w, 64)),
    "gptq4_sym_v1": gptq_case(4, 32, True, 1, False),
    "gptq4_asym_v2": gptq_case(4, 64, False, 2, False),
    "gptq4_asym_v1_permuted": gptq_case(4, 32, False, 1, True),
    "gptq8_sym_whole": gptq_case(8, -1, True, 1, False),
    "gptq8_asym_v2": gptq_case(8, 32, False, 2, False),
    "bnb_int8": (bnb_config(load_in_8bit=True), bnb_int8),
    "bnb_nf4_nested": (
        bnb_config(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
        lambda w: bnb_4bit(w, "nf4", True),
    ),
    "bnb_fp4": (
        bnb_config(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
        lambda w: bnb_4bit(w, "fp4", False),
    ),
    "ct_pack4_sym": (
        ct_config("pack-quantized", num_bits=4, type="int", strategy="group", group_size=32),
        lambda w: ct_packed(w, 4, 32, True),
    ),
    "ct_pack4_asym": (
        ct_config("pack-quantized", num_bits=4, type="int", symmetric=False, group_size=64),
        lambda w: ct_packed(w, 4, 64, False),
    ),
    "ct_int8_channel": (
        ct_config("int-quantized", num_bits=8, type="int", strategy="channel"),
        ct_int8,
    ),
}


def quantise(state, quantiser):
    """The stored tensors, and the plain F32 ones that they mean."""
    stored, plain = {}, {}
    for name, value in state.items():
        if name.endswith("_proj.weight"):
            module = name.removesuffix(".weight")
            plain[name], parts = quantiser(value.float())
            stored |= {f"{module}.{part}": tensor for part, tensor in parts.items()}
        else:
            stored[name], plain[name] = value, value.float()
    return stored, plain


def make(name: str, output: pathlib.Path) -> None:
    quantization, quantiser = CASES[name]
    config = (llama if name.startswith(("fbgemm", "ct_")) else qwen2)(**SIZES)
    directory = output / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "config.json").write_text(json.dumps(config))
        shapes = random_weights.published_shapes(folder)
        for seed in range(1, 100):
            state = random_weights.random_state(shapes, "bfloat16", seed)
            stored, plain = quantise(state, quantiser)
            save_file(plain, folder / "model.safetensors", {"format": "pt"})
            drawn = torch.Generator().manual_seed(seed)
            ids = torch.randint(2, config["vocab_size"], (24,), generator=drawn)
            try:
                golden = reference.run(reference.load(folder), ids, 0, 0, config["eos_token_id"])
            except reference.Rejected as reason:
                print(f"{name}: seed {seed}: {reason}", file=sys.stderr)
                continue
            break
    stored = {key: value.contiguous() for key, value in stored.items()}
    save_file(stored, directory / "model.safetensors", {"format": "pt"})
    kept = {k: v.contiguous() for k, v in plain.items() if any(part in k for part in KEPT)}
    kept = {k: v for k, v in kept.items() if k.endswith(".weight")}
    kept |= {"input_ids": golden.input_ids, "logits": golden.logits}
    save_file(kept, directory / "golden.safetensors", {"seed": str(seed)})
    config |= {"torch_dtype": "bfloat16", "quantization_config": quantization}
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for file in directory.iterdir():
        file.chmod(0o644)
    size = sum(f.stat().st_size for f in directory.iterdir())
    print(f"{name}: seed {seed}, {size / 1000:.0f} KB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=pathlib.Path, default=REPOSITORY / "tests" / "golden" / "foreign"
    )
    parser.add_argument("cases", nargs="*", help="names; all without one")
    arguments = parser.parse_args()
    for name in arguments.cases or CASES:
        make(name, arguments.output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    main()
