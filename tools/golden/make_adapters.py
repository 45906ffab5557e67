"""Writes tests/golden/adapters/<base>/<case>/: random LoRA adapters as PEFT saves them for the tiny
checkpoints beside it, each with the logits that PEFT gives on the float32 base.

    python make_adapters.py [--output DIR]

`gguf` cases are the same adapter as llama.cpp's converter writes it: rotary rows of llama permuted.
"""

import argparse
import json
import os
import pathlib
import sys
from dataclasses import dataclass, field

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import reference  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOKENS = 24
PROMPT, STEPS = 12, 8
MAX_SEEDS = 200
DENSE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# PEFT takes `gate_proj` of a mixture for the fused matrices of its routed experts.
MLA = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "o_proj"]
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True)
class AdapterCase:
    base: str
    name: str
    targets: list[str]
    config: dict = field(default_factory=dict)
    gguf: bool = False


CASES = [
    AdapterCase("qwen2", "all", DENSE, {"r": 4, "lora_alpha": 8}),
    AdapterCase(
        "qwen3",
        "patterns",
        ["q_proj", "v_proj"],
        {
            "r": 3,
            "lora_alpha": 5,
            "use_rslora": True,
            "rank_pattern": {"layers.1.self_attn.q_proj": 6},
            "alpha_pattern": {"v_proj": 9},
        },
    ),
    AdapterCase("llama", "attention", DENSE[:4], {"r": 5, "lora_alpha": 10}, gguf=True),
    AdapterCase("deepseek_v3", "projections", MLA, {"r": 4, "lora_alpha": 8}),
    AdapterCase("deepseek_v3", "expansion", ["kv_b_proj", "q_b_proj"], {"r": 4, "lora_alpha": 8}),
    AdapterCase("deepseek_v2", "expansion", ["kv_b_proj", "o_proj"], {"r": 2, "lora_alpha": 8}),
]


def randomise(model, seed: int) -> None:
    """Deltas large enough to change every logit: PEFT starts with B = 0."""
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" not in name:
            continue
        spread = weight.shape[1] ** -0.5 * (1.0 if "lora_A" in name else 0.5)
        weight.data.copy_(torch.randn(weight.shape, generator=random) * spread)


def rotary_permutation(rows: int, heads: int) -> np.ndarray:
    """Row of Hugging Face's order for each row of llama.cpp's."""
    order = np.arange(rows).reshape(heads, 2, rows // heads // 2)
    return order.swapaxes(1, 2).reshape(rows)


def write_gguf(case: AdapterCase, directory: pathlib.Path, config: dict, path: pathlib.Path):
    writer = gguf.GGUFWriter(path, config["model_type"])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(case.config["lora_alpha"]))
    for name, tensor in load_file(directory / "adapter_model.safetensors").items():
        layer, module = name.removeprefix("base_model.model.model.layers.").split(".", 1)
        module, half = module.removesuffix(".weight").split(".lora_")
        values = tensor.numpy()
        heads = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}
        if half == "B" and module in heads:
            values = values[rotary_permutation(len(values), config[heads[module]])]
        writer.add_tensor(f"blk.{layer}.{GGUF_NAMES[module]}.weight.lora_{half.lower()}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def attempt(case: AdapterCase, seed: int, base: pathlib.Path, directory: pathlib.Path) -> None:
    model = reference.load(base)
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, model.config.vocab_size, (TOKENS,), generator=random)
    bare = reference.logits_of(model, ids)
    adapted = get_peft_model(
        model, LoraConfig(target_modules=case.targets, task_type="CAUSAL_LM", **case.config)
    )
    randomise(adapted, seed)
    adapted.eval()
    golden = reference.Golden(ids, reference.logits_of(adapted, ids))
    reference.check_margin(golden.logits)
    change = float((golden.logits - bare).abs().max() / bare.abs().max())
    if change < 0.05:
        raise reference.Rejected(f"the adapter changes logits by {change:.2f} only")
    chosen, logits = reference.greedy(adapted, ids[:PROMPT], STEPS)
    reference.check_margin(logits)
    golden.generated_ids, golden.generated_logits = chosen, logits
    adapted.peft_config["default"].base_model_name_or_path = case.base
    adapted.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    (directory / "adapter_model.safetensors").chmod(0o644)
    reference.store(golden, directory / "golden.safetensors", seed, PROMPT)


def make(case: AdapterCase, output: pathlib.Path) -> None:
    base = REPOSITORY / "tests" / "golden" / case.base
    for seed in range(1, MAX_SEEDS):
        directory = output / case.base / case.name
        directory.mkdir(parents=True, exist_ok=True)
        try:
            attempt(case, seed, base, directory)
        except reference.Rejected as why:
            print(f"{case.base}/{case.name} seed {seed}: {why}")
            continue
        if case.gguf:
            config = json.loads((base / "config.json").read_text())
            write_gguf(case, directory, config, directory.with_suffix(".gguf"))
        print(f"{case.base}/{case.name}: seed {seed}")
        return
    raise SystemExit(f"{case.base}/{case.name}: no seed is robust")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=pathlib.Path, default=REPOSITORY / "tests" / "golden" / "adapters"
    )
    output = parser.parse_args().output
    for case in CASES:
        make(case, output)


if __name__ == "__main__":
    main()
