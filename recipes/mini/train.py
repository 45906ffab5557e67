"""Trains the mini model on generated problems, on the CPU, for a given wall time.

The learning rate follows the share of the time that is used, so a run always ends on its decay.
A checkpoint with everything needed to go on is written every few minutes (--resume).
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

import data
from model import Mini, Shape

Mix = dict[str, dict[str, int]]

# Sequences of each kind in one step, by the share of the time up to which they hold. Heads and
# tails are short pieces of the same problems: the columns are learned long before the copying of
# operands and answers, so most practice goes where the tokens are cheap and hard. (These are the
# phases of the shipped run, found while it ran.)
PHASES: list[tuple[float, Mix]] = [
    (0.18, {"whole": {"add": 8, "sub": 12, "mul": 12, "talk": 4}, "heads": {}, "tails": {}}),
    (0.24, {"whole": {"add": 4, "sub": 6, "mul": 6, "talk": 3},
            "heads": {"add": 6, "sub": 6, "mul": 4}, "tails": {"add": 6, "sub": 6, "mul": 4}}),
    (0.33, {"whole": {"add": 2, "sub": 3, "mul": 3, "talk": 2},
            "heads": {"add": 10, "sub": 10, "mul": 4}, "tails": {"add": 3, "sub": 3, "mul": 2}}),
    (0.47, {"whole": {"add": 4, "sub": 4, "mul": 4, "talk": 3},
            "heads": {"add": 10, "sub": 10, "mul": 4}, "tails": {"add": 3, "sub": 3, "mul": 2}}),
    (0.62, {"whole": {"add": 3, "sub": 3, "mul": 4, "talk": 3},
            "heads": {"add": 14, "sub": 14, "mul": 4, "talk": 4},
            "tails": {"add": 3, "sub": 3, "mul": 2}}),
    (0.74, {"whole": {"add": 3, "sub": 3, "mul": 7, "talk": 3},
            "heads": {"add": 8, "sub": 10, "mul": 2, "talk": 6},
            "tails": {"add": 6, "sub": 7, "mul": 5}}),
    (1.00, {"whole": {"add": 2, "sub": 3, "mul": 6, "talk": 2},
            "heads": {"add": 8, "sub": 14, "mul": 2, "talk": 6},
            "tails": {"add": 8, "sub": 10, "mul": 6}}),
]
PAD = 2


def encode(tok: Tokenizer, samples: list[data.Sample]) -> tuple[Tensor, Tensor]:
    """Padded ids, and the mask of positions whose next token counts in the loss."""
    prompts = tok.encode_batch_fast([s.prompt for s in samples])
    targets = tok.encode_batch_fast([s.target for s in samples])
    rows = [(p.ids, t.ids) for p, t in zip(prompts, targets)]
    width = max(len(p) + len(t) for p, t in rows)
    ids = torch.full((len(rows), width), PAD)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for i, (p, t) in enumerate(rows):
        ids[i, : len(p) + len(t)] = torch.tensor(p + t)
        mask[i, len(p) - 1 : len(p) + len(t) - 1] = True
    return ids, mask


class Trainer:
    """Model, optimizer, averaged weights and the clock of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        self.rng = random.Random(args.seed)
        self.tok = Tokenizer.from_file(str(args.tokenizer))
        self.model = Mini(Shape())
        decay = [p for n, p in self.model.named_parameters() if self.decays(n, p)]
        rest = [p for n, p in self.model.named_parameters() if not self.decays(n, p)]
        groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
        self.opt = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98), fused=True)
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.step, self.elapsed, self.tokens = 0, 0.0, 0

    @staticmethod
    def decays(name: str, p: Tensor) -> bool:
        """Weight decay is for the matrices of the blocks only."""
        return p.ndim >= 2 and not any(k in name for k in ("embed", "lm_head", "gate.weight"))

    def rate(self) -> float:
        """Warm-up by steps, constant, then linear to zero over the last part of the time."""
        used = min(1.0, self.elapsed / (60 * self.args.minutes))
        start = self.args.decay_from
        fall = 1.0 if used < start else max(0.0, (1 - used) / (1 - start))
        return self.args.lr * min(1.0, (self.step + 1) / 100) * fall

    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Summed cross-entropy on the target tokens."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.args.bf16):
            hidden = self.model(ids)[mask]
            logits = self.model.lm_head(hidden)
        return F.cross_entropy(logits.float(), ids.roll(-1, 1)[mask], reduction="sum")

    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """One step's sequences: short kinds together, long kinds together."""
        def draw(counts: dict[str, int], long: bool = True) -> list[data.Sample]:
            return [data.train_sample(self.rng, k, long) for k, n in counts.items()
                    for _ in range(n)]

        used = self.elapsed / (60 * self.args.minutes)
        mix = next((m for until, m in PHASES if used < until), PHASES[-1][1])
        kinds = {k: draw({k: n}, long=False) for k, n in mix["whole"].items()}
        short = [s.head() for s in draw(mix["heads"])] + [s.tail() for s in draw(mix["tails"])]
        joined = [short, kinds["add"] + kinds["talk"], kinds["sub"], kinds["mul"]]
        joined = [samples for samples in joined if samples]
        return [encode(self.tok, samples) for samples in joined]

    def train_step(self) -> float:
        """One optimizer step; returns the mean loss per target token."""
        parts = self.batches()
        count = sum(int(mask.sum()) for _, mask in parts)
        total = 0.0
        for ids, mask in parts:
            loss = self.loss(ids, mask)
            extra = sum(m.balance for m in self.model.moes()) * 1e-4 / len(parts)
            (loss / count + extra).backward()
            total += loss.item()
            self.tokens += ids.numel()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        rate = self.rate()
        for group in self.opt.param_groups:
            group["lr"] = rate
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.balance_experts(1e-3 * rate / self.args.lr)
        self.average()
        self.step += 1
        return total / count

    @torch.no_grad()
    def balance_experts(self, gamma: float) -> None:
        """Raise the bias of experts below the mean load and lower it above (no gradient)."""
        for moe in self.model.moes():
            moe.gate.e_score_correction_bias += gamma * torch.sign(moe.load.mean() - moe.load)
            moe.max_load = float(moe.load.max() / moe.load.mean())
            moe.load.zero_()

    @torch.no_grad()
    def average(self) -> None:
        """Exponential average of the weights: good before the learning rate has fallen."""
        keep = min(0.997, (self.step + 1) / (self.step + 10))
        for name, value in self.model.state_dict().items():
            self.ema[name].lerp_(value, 1 - keep)

    @torch.no_grad()
    def exact(self, per_task: int, averaged: bool) -> dict[str, float]:
        """Held-out share with the whole target right (argmax under teacher forcing)."""
        live = {k: v.clone() for k, v in self.model.state_dict().items()}
        if averaged:
            self.model.load_state_dict(self.ema)
        self.model.eval()
        right = {}
        for task in data.TASKS:
            rng = random.Random(99)
            samples = [data.render(rng, data.draw_problem(rng, task, True), True)
                       for _ in range(per_task)]
            ids, mask = encode(self.tok, samples)
            good = self.model.lm_head(self.model(ids)).argmax(-1) == ids.roll(-1, 1)
            right[task] = (good | ~mask).all(1).float().mean().item()
        self.model.train()
        self.model.load_state_dict(live)
        return right

    def save(self, path: Path) -> None:
        """Checkpoint, written beside and renamed so that a stop never leaves half a file."""
        state = {"model": self.model.state_dict(), "ema": self.ema, "opt": self.opt.state_dict(),
                 "rng": self.rng.getstate(), "step": self.step, "elapsed": self.elapsed,
                 "tokens": self.tokens}
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.opt.load_state_dict(state["opt"])
        self.ema = state["ema"]
        self.rng.setstate(state["rng"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.tokens = state["tokens"]


def run(args: argparse.Namespace) -> None:
    """Train until the time is used up."""
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    path, trainer = args.out / "checkpoint.pt", Trainer(args)
    if args.resume and path.exists():
        trainer.resume(path)
    saved = tested = last = time.monotonic()
    smooth = 0.0
    while trainer.elapsed < 60 * args.minutes:
        loss = trainer.train_step()
        smooth = loss if smooth == 0.0 else 0.95 * smooth + 0.05 * loss
        now = time.monotonic()
        trainer.elapsed += now - last
        last = now
        if trainer.step % 20 == 0:
            load = max(moe.max_load for moe in trainer.model.moes())
            print(f"step {trainer.step} min {trainer.elapsed / 60:.2f} loss {smooth:.5f} "
                  f"lr {trainer.rate():.5f} tok/s {trainer.tokens / trainer.elapsed:.0f} "
                  f"tokens {trainer.tokens} load {load:.2f}", flush=True)
        if now - saved > 60 * args.save_minutes:
            trainer.save(path)
            saved = now
        if now - tested > 60 * args.test_minutes:
            print("held-out", trainer.exact(64, False), "ema", trainer.exact(64, True), flush=True)
            tested = time.monotonic()
    trainer.save(path)
    print("end", trainer.exact(300, False), "ema", trainer.exact(300, True), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--decay-from", type=float, default=0.45)
    parser.add_argument("--lr", type=float, default=2.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--test-minutes", type=float, default=6.0)
    parser.add_argument("--bf16", action="store_true", help="matrix products in bfloat16")
    parser.add_argument("--resume", action="store_true")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
