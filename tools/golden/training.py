"""Writes tests/golden/training/<case>.safetensors: gradients and five AdamW steps of PyTorch, with
PEFT's adapters and with all weights, on the checkpoints of make_checkpoints.py.

    python training.py [--output DIR]

Of each tensor of the whole model the first rows of the gradient and of the final value are kept,
and the norm of the gradient; of an adapter everything.
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import peft  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import reference  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden"
TARGETS = {
    "llama": ["q_proj", "v_proj", "down_proj"],
    "qwen2": ["q_proj", "v_proj", "down_proj"],
    "qwen3": ["q_proj", "v_proj", "o_proj"],
    "deepseek_v2": ["q_proj", "kv_b_proj"],
    "deepseek_v3": ["q_b_proj", "kv_b_proj", "o_proj"],
    "deepseek_v3_qnull": ["q_proj", "kv_a_proj_with_mqa"],
}
RANK, ALPHA = 4, 8
LEARNED_FROM = 12  # tokens before this one are the prompt
STEPS = 5
ADAPTER_RATE, FULL_RATE, DECAY, CLIP = 1e-2, 1e-3, 0.1, 1.0
ROWS = 4  # kept of each tensor of the whole model


def loss_of(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the tokens from LEARNED_FROM on."""
    logits = model(input_ids=ids[None], use_cache=False).logits[0]
    return torch.nn.functional.cross_entropy(logits[LEARNED_FROM - 1 : -1], ids[LEARNED_FROM:])


def stored(model: torch.nn.Module, read) -> dict[str, torch.Tensor]:
    """What `read` gives for each parameter, under the names of the checkpoint."""
    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    with torch.no_grad(), tempfile.TemporaryDirectory() as scratch:
        for p in model.parameters():
            p.copy_(read(p))
        model.save_pretrained(scratch)
        for name, p in model.named_parameters():
            p.copy_(kept[name])
        return load_file(pathlib.Path(scratch) / "model.safetensors")


def train(model, ids, optimizer, clip: float | None, out: dict, prefix: str) -> None:
    losses = []
    for _ in range(STEPS):
        loss = loss_of(model, ids)
        losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    out[prefix + "losses"] = torch.stack(losses)


def adapter_run(case: str, ids: torch.Tensor, out: dict) -> None:
    torch.manual_seed(1)
    config = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=TARGETS[case], lora_dropout=0.0, bias="none"
    )
    model = peft.get_peft_model(reference.load(GOLDEN / case), config)
    factors = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, p in factors.items():
            if "lora_B" in name:
                p.normal_(0, 0.1)

    def keep(what: str, read) -> None:
        for name, p in factors.items():
            out[f"adapter.{what}." + name.replace(".default", "")] = read(p).detach().clone()

    keep("start", lambda p: p)
    loss_of(model, ids).backward()
    keep("gradient", lambda p: p.grad)
    optimizer = torch.optim.AdamW(factors.values(), lr=ADAPTER_RATE, weight_decay=0)
    train(model, ids, optimizer, None, out, "adapter.")
    keep("end", lambda p: p)


def full_run(case: str, ids: torch.Tensor, out: dict) -> None:
    model = reference.load(GOLDEN / case)
    loss_of(model, ids).backward()
    gradients = stored(model, lambda p: torch.zeros_like(p) if p.grad is None else p.grad)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": DECAY},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0},
    ]
    train(model, ids, torch.optim.AdamW(groups, lr=FULL_RATE), CLIP, out, "full.")
    ends = stored(model, lambda p: p)
    for name, gradient in gradients.items():
        if name.endswith("e_score_correction_bias"):
            continue
        out["full.gradient." + name] = gradient[:ROWS].clone()
        out["full.norm." + name] = gradient.norm()[None]
        out["full.end." + name] = ends[name][:ROWS].clone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=GOLDEN / "training")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for case in TARGETS:
        ids = load_file(GOLDEN / case / "golden.safetensors")["input_ids"]
        out: dict[str, torch.Tensor] = {"input_ids": ids}
        adapter_run(case, ids, out)
        full_run(case, ids, out)
        save_file({k: v.contiguous() for k, v in out.items()}, output / f"{case}.safetensors")
        print(case, [round(float(x), 5) for x in out["adapter.losses"]])


if __name__ == "__main__":
    main()
