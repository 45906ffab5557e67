"""Writes tests/golden/gguf/: tiny GGUF files as llama.cpp's converter lays them out, each with
the logits of float32 transformers on the weights read back from the file and dequantised.

    python make_gguf.py [--output DIR] [CASE ...]
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
from dataclasses import dataclass, field

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from gguf import GGMLQuantizationType as Type  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import cases  # noqa: E402
import random_weights  # noqa: E402
import reference  # noqa: E402
import routing  # noqa: E402
from gguf_keys import write_keys  # noqa: E402
from gguf_layout import Layout, llama3_factors  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MAX_SEEDS = 400
TOKENS = 24
K_BLOCK = 256


@dataclass(frozen=True)
class GgufCase:
    name: str
    config: dict
    type: Type = Type.F32  # of the matrices; vectors and the router are F32, as in real files
    special: dict[str, Type] = field(default_factory=dict)  # name pattern -> type
    old_mla: bool = False  # a file from before attn_k_b, expert groups and the gating key
    split: int = 0  # > 0: tensors per file
    proves_routing: bool = False


def _multiples_of_32(**changes):
    return {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
    } | changes


_WIDE = _multiples_of_32(hidden_size=256, intermediate_size=256, num_attention_heads=8)
_MLA_32 = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "kv_lora_rank": 32,
    "moe_intermediate_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "q_lora_rank": 32,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
}
_LONG = {"max_position_embeddings": 1280}
_QWEN2_32 = {k: v for k, v in _multiples_of_32().items() if k != "head_dim"}

CASES = [
    GgufCase(
        "deepseek2_groups_bf16", cases.v3(**cases.SMALL), type=Type.BF16, proves_routing=True
    ),
    GgufCase(
        "deepseek2_old_no_groups_bf16",
        cases.v3(**cases.SMALL, rope_scaling=cases.yarn(1.0, 1.0), **_LONG),
        type=Type.BF16,
        old_mla=True,
        proves_routing=True,
    ),
    GgufCase(
        "deepseek2_v2_yarn_f16",
        cases.v2(**cases.SMALL, rope_scaling=cases.yarn(0.707, 0.707), **_LONG),
        type=Type.F16,
        special={"attn_k_b|attn_v_b": Type.F32},
    ),
    GgufCase(
        "deepseek2_q8_0",
        cases.v3(**(cases.SMALL | _MLA_32)),
        type=Type.Q8_0,
        proves_routing=True,
    ),
    GgufCase("qwen2_tied_f16", cases.qwen2(tie_word_embeddings=True), type=Type.F16),
    GgufCase("qwen2_q4_0", cases.qwen2(**_QWEN2_32), type=Type.Q4_0),
    GgufCase("qwen3_q8_0", cases.qwen3(**_multiples_of_32()), type=Type.Q8_0),
    GgufCase(
        "qwen3_k_quants",
        cases.qwen3(**_WIDE, num_hidden_layers=1, tie_word_embeddings=True, vocab_size=64),
        type=Type.Q4_K,
        special={"ffn_down|attn_v|token_embd": Type.Q6_K},
    ),
    GgufCase(
        "llama_f32",
        cases.llama(
            hidden_size=24,
            intermediate_size=56,
            num_attention_heads=2,
            num_key_value_heads=1,
            rope_scaling=cases.LLAMA3_ROPE,
        ),
    ),
    GgufCase("llama_split_bf16", cases.llama(), type=Type.BF16, split=8),
]


def type_of(case: GgufCase, name: str, value: np.ndarray) -> Type:
    if value.ndim == 1 or "ffn_gate_inp" in name:
        return Type.F32
    return next((t for p, t in case.special.items() if re.search(p, name)), case.type)


def random_k_blocks(value: np.ndarray, kind: Type, generator: np.random.Generator) -> np.ndarray:
    """Random bytes that decode to values of the given spread, because gguf has no encoder for the
    K types: each field takes its whole range, only the F16 scales are chosen."""
    rows = value.reshape(-1, value.shape[-1])
    count = rows.size // K_BLOCK
    size = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = generator.integers(0, 256, (count, size), dtype=np.uint8)
    jitter = generator.uniform(0.7, 1.3, (count, 1))
    if kind == Type.Q4_K:  # d scale q - dmin m: mean zero for dmin = 7.5 d, spread about 258 d
        d = value.std() / 258 * jitter
        blocks[:, :4] = np.hstack([d, 7.5 * d]).astype("<f2").view(np.uint8)
    else:  # Q6_K: d scale (q - 32), spread about 1370 d
        blocks[:, -2:] = (value.std() / 1370 * jitter).astype("<f2").view(np.uint8)
    return blocks.reshape(*value.shape[:-1], -1)


def encode(value: np.ndarray, kind: Type, generator: np.random.Generator) -> np.ndarray:
    if kind in (Type.Q4_K, Type.Q6_K):
        return random_k_blocks(value, kind, generator)
    return gguf.quants.quantize(np.ascontiguousarray(value), kind)


def write_file(case: GgufCase, layout: Layout, state, path: pathlib.Path, seed: int) -> None:
    writer = gguf.GGUFWriter(
        path, gguf.MODEL_ARCH_NAMES[layout.arch], split_max_tensors=case.split
    )
    write_keys(writer, case.config, case.old_mla, case.type)
    tensors = layout.to_gguf({name: value.numpy() for name, value in state.items()})
    factors = llama3_factors(case.config)
    if factors is not None:
        tensors["rope_freqs.weight"] = factors
    generator = np.random.default_rng(seed)
    for name, value in tensors.items():
        kind = type_of(case, name, value)
        writer.add_tensor(name, encode(value, kind, generator), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_files(paths: list[pathlib.Path]) -> dict[str, np.ndarray]:
    """Every tensor of the files, dequantised to float32."""
    tensors = {}
    for path in paths:
        for tensor in gguf.GGUFReader(path).tensors:
            value = gguf.quants.dequantize(np.array(tensor.data), tensor.tensor_type)
            shape = tuple(int(side) for side in reversed(tensor.shape))
            tensors[tensor.name] = value.astype(np.float32).reshape(shape)
    return tensors


def load_for_reference(case: GgufCase, layout: Layout, paths, names) -> torch.nn.Module:
    state = layout.from_gguf(read_files(paths), names)
    with tempfile.TemporaryDirectory() as scratch:
        plain = pathlib.Path(scratch)
        tensors = {name: torch.from_numpy(value.copy()) for name, value in state.items()}
        save_file(tensors, plain / "model.safetensors", {"format": "pt"})
        (plain / "config.json").write_text(json.dumps(case.config))
        return reference.load(plain)


def attempt(case: GgufCase, shapes, seed: int, output: pathlib.Path) -> list[pathlib.Path]:
    layout = Layout(case.config, case.old_mla)
    state = random_weights.random_state(shapes, "float32", seed)
    for stale in output.glob(f"{case.name}*.gguf"):
        stale.unlink()
    write_file(case, layout, state, output / f"{case.name}.gguf", seed)
    paths = sorted(output.glob(f"{case.name}*.gguf"))
    model = load_for_reference(case, layout, paths, shapes)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, case.config["vocab_size"], (tokens_of(case),), generator=generator)
    golden = reference.run(model, ids, 0, 0, 1)
    routing.check_selection(model, ids, golden.logits)
    if case.proves_routing:
        routing.check_mistakes(model, ids, golden.logits)
    reference.store(golden, output / f"{case.name}.golden.safetensors", seed)
    return paths


def tokens_of(case: GgufCase) -> int:
    """Past the original context where the positions are scaled."""
    return 48 if case.config.get("rope_scaling") else TOKENS


def make(case: GgufCase, output: pathlib.Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "config.json").write_text(json.dumps(case.config))
        shapes = random_weights.published_shapes(pathlib.Path(scratch))
    for seed in range(1, MAX_SEEDS):
        try:
            paths = attempt(case, shapes, seed, output)
        except reference.Rejected as reason:
            print(f"{case.name}: seed {seed}: {reason}", file=sys.stderr)
            continue
        for path in paths:
            path.chmod(0o644)
            print(f"{path.name}: seed {seed}, {path.stat().st_size / 1000:.0f} KB")
        return
    raise SystemExit(f"{case.name}: no robust seed below {MAX_SEEDS}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = REPOSITORY / "tests" / "golden" / "gguf"
    parser.add_argument("--output", type=pathlib.Path, default=folder)
    parser.add_argument("cases", nargs="*", help="names; all without one")
    arguments = parser.parse_args()
    known = {case.name: case for case in CASES}
    for name in arguments.cases or known:
        make(known[name], arguments.output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    main()
