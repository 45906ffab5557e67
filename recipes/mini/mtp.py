"""Trains the layer for multi-token prediction (DeepSeek-V3's report, section 2.2) of a finished
checkpoint, on the CPU, for a given wall time, and writes the checkpoint with the layer.

The model itself is frozen: its weights, and so its answers, stay as they are. The layer reads the
model's normed state at a position and the token that came of it, and says the token after that one.
Its block starts as a copy of the model's last layer.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

import drills
from model import Layer, Mini, RMSNorm, Shape, linear
from train import KINDS, by_length, encode

# Whole problems of each kind in one step.
MIX = {"add": 6, "sub": 8, "mul": 8, "talk": 3, "near": 2, "square": 2, "echo": 1, "beyond": 2}


class Prediction(nn.Module):
    """The layer: norms of both inputs, a projection of the pair, a block, a norm for the head."""

    def __init__(self, mini: Mini) -> None:
        super().__init__()
        s = mini.s
        self.enorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.hnorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.eh_proj = linear(2 * s.hidden_size, s.hidden_size, 0.02)
        self.block = Layer(s, s.num_hidden_layers)
        self.shared_head_norm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.block.load_state_dict(mini.layers[-1].state_dict())
        self.shared_head_norm.load_state_dict(mini.norm.state_dict())
        with torch.no_grad():  # the state goes through, the embedding has all to learn
            self.eh_proj.weight[:, s.hidden_size :] += torch.eye(s.hidden_size)

    def forward(self, mini: Mini, hidden: Tensor, ids: Tensor) -> Tensor:
        """Row i, of the state at i and the token at i + 1, is for the token at i + 2."""
        embedded = self.enorm(mini.embed_tokens(ids[:, 1:]))
        x = self.eh_proj(torch.cat([embedded, self.hnorm(hidden[:, :-1])], dim=-1))
        rows = x.shape[1]
        return self.shared_head_norm(self.block(x, mini.cos[:rows], mini.sin[:rows]))


def guesses(mini: Mini, layer: Prediction, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the answer's tokens but the first, and these tokens."""
    with torch.no_grad():
        hidden = mini(ids)
    rows = mask[:, 1:].clone()
    rows[:, -1] = False
    wanted = ids.roll(-2, 1)[:, :-1][rows]
    return F.linear(layer(mini, hidden, ids)[rows], mini.lm_head.weight), wanted


def balance(layer: Prediction, gamma: float) -> None:
    """The router's bias, as in train.py: towards the mean load, without a gradient."""
    moe = layer.block.mlp
    moe.gate.e_score_correction_bias += gamma * torch.sign(moe.load.mean() - moe.load)
    moe.load.zero_()


@torch.no_grad()
def right(mini: Mini, layer: Prediction, tok: Tokenizer, per_kind: int) -> dict[str, float]:
    """Share of right guesses on validation problems, by kind."""
    layer.eval()
    out = {}
    for kind in KINDS:
        rng, hits, count = random.Random(99), 0, 0
        samples = [drills.sample(rng, kind, "valid") for _ in range(per_kind)]
        for group in by_length(tok, samples):
            logits, wanted = guesses(mini, layer, *encode(tok, group))
            hits += int((logits.argmax(-1) == wanted).sum())
            count += len(wanted)
        out[kind] = round(hits / max(1, count), 4)
    layer.train()
    return out


def train(mini: Mini, tok: Tokenizer, args: argparse.Namespace) -> Prediction:
    """Until the time is used up; the rate falls linearly over the last 70 % of it."""
    layer, rng = Prediction(mini), random.Random(args.seed)
    opt = torch.optim.AdamW(layer.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    begin, step, used = time.monotonic(), 0, 0.0
    while used < 1:
        samples = [drills.sample(rng, kind, "train") for kind, n in MIX.items() for _ in range(n)]
        parts = [encode(tok, group) for group in by_length(tok, samples)]
        count = sum(int(mask.sum()) for _, mask in parts)
        total = 0.0
        for ids, mask in parts:
            logits, wanted = guesses(mini, layer, ids, mask)
            loss = F.cross_entropy(logits, wanted, reduction="sum") / count
            (loss + layer.block.mlp.balance * 1e-4 / len(parts)).backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        share = min(1.0, (step + 1) / 50) * min(1.0, (1 - used) / 0.7)
        for group in opt.param_groups:
            group["lr"] = args.lr * share
        opt.step()
        opt.zero_grad(set_to_none=True)
        with torch.no_grad():
            balance(layer, 1e-3 * share)
        step += 1
        used = (time.monotonic() - begin) / (60 * args.minutes)
        if step % 20 == 0:
            print(f"step {step} used {used:.3f} loss {total:.4f}", flush=True)
    print("right:", json.dumps(right(mini, layer, tok, 100)), flush=True)
    return layer


def tensors(layer: Prediction, index: int) -> dict[str, Tensor]:
    """Under the names of DeepSeek's checkpoints, the experts apart; the embedding and the head are
    the model's own and not stored again."""
    own, out = f"model.layers.{index}.", {}
    for name, value in layer.state_dict().items():
        name = name.removeprefix("block.").replace("shared_head_norm", "shared_head.norm")
        value = value if "correction_bias" in name else value.bfloat16()
        if name == "mlp.gate_up":
            for e, (gate, up) in enumerate(each.chunk(2) for each in value):
                out[f"{own}mlp.experts.{e}.gate_proj.weight"] = gate.contiguous()
                out[f"{own}mlp.experts.{e}.up_proj.weight"] = up.contiguous()
        elif name == "mlp.down":
            for e, each in enumerate(value):
                out[f"{own}mlp.experts.{e}.down_proj.weight"] = each.contiguous()
        else:
            out[own + name] = value.contiguous()
    return out


def export(layer: Prediction, init: Path, out: Path, index: int) -> None:
    """The checkpoint `init` with the layer, in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for path in init.iterdir():
        if path.suffix != ".safetensors" and path.resolve().parent != out.resolve():
            shutil.copyfile(path, out / path.name)
    state = {n: t for n, t in load_file(init / "model.safetensors").items()
             if not n.startswith(f"model.layers.{index}.")}
    save_file(state | tensors(layer, index), out / "model.safetensors", {"format": "pt"})
    config = json.loads((init / "config.json").read_text("utf-8"))
    config["num_nextn_predict_layers"] = 1
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--init", type=Path, required=True, help="exported checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261128)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    shape = Shape()
    mini = Mini(shape).eval().requires_grad_(False)
    mini.load_checkpoint(args.init)
    tok = Tokenizer.from_file(str(args.init / "tokenizer.json"))
    export(train(mini, tok, args), args.init, args.out, shape.num_hidden_layers)


if __name__ == "__main__":
    main()
