"""Tokens a second of LoRA training on the CPU: hearth tune beside PyTorch with PEFT, in turn, on one
random model of a given shape, the same examples in the same batches, float32 arithmetic.

    python bench/peers/tune.py HEARTH [--hidden 1536 --inner 8960 --layers 4 --seq 256 --steps 4]

Needs torch, transformers and peft. The first step of each is not counted.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import peft
import torch
import transformers

RANK, ALPHA, RATE = 16, 32, 2e-4


def config_of(args: argparse.Namespace) -> dict:
    """A Qwen2 of DeepSeek-R1-Distill-Qwen-1.5B's proportions, with fewer layers and words."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": args.hidden,
        "intermediate_size": args.inner,
        "num_hidden_layers": args.layers,
        "num_attention_heads": args.hidden // 128,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "hidden_act": "silu",
        "vocab_size": 512,
    }


def hearth_speed(args, model: pathlib.Path, data: pathlib.Path, out: pathlib.Path) -> list[float]:
    command = [args.hearth, "tune", "--model", model, "--data", data, "--out", out, "--json"]
    command += ["--seq", args.seq, "--batch", 1, "--steps", args.steps, "--epochs", args.steps]
    command += ["--threads", args.threads]
    if args.keep_activations:
        command.append("--keep-activations")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    lines = map(json.loads, done.stdout.splitlines())
    return [line["tok_s"] for line in lines if "tok_s" in line][1:]


def peft_speed(args, path: pathlib.Path) -> list[float]:
    torch.set_num_threads(args.threads)
    base = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    lora = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "v_proj"])
    model = peft.get_peft_model(base, lora)
    if not args.keep_activations:
        base.gradient_checkpointing_enable({"use_reentrant": False})
        base.enable_input_require_grads()
    model.train()
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0)
    speeds = []
    for _ in range(args.steps):
        ids = torch.randint(2, 500, (1, args.seq))
        start = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        speeds.append((args.seq - 1) / (time.perf_counter() - start))
    return speeds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hearth")
    parser.add_argument("--hidden", type=int, default=1536)
    parser.add_argument("--inner", type=int, default=8960)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-activations", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        shape = folder / "shape.json"
        shape.write_text(json.dumps(config_of(args)))
        model = folder / "model"
        subprocess.run(
            [args.hearth, "tiny", "--config", shape, "--format", "bf16", model],
            check=True,
            capture_output=True,
        )
        data = folder / "data.jsonl"
        data.write_text(json.dumps({"text": "one two three " * args.seq}) + "\n")
        for turn in range(2):
            ours = statistics.median(hearth_speed(args, model, data, folder / f"out{turn}"))
            theirs = statistics.median(peft_speed(args, model))
            print(f"hearth {ours:.1f} tok/s, PyTorch and PEFT {theirs:.1f} tok/s: {ours / theirs:.2f} x")


if __name__ == "__main__":
    main()
