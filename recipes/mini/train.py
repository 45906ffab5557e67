"""Trains the mini model on generated problems, on the CPU, for a given wall time.

The learning rates follow the share of the time that is used, so a run always ends on its decay.
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
import drills
from model import Mini, Shape
from muon import Muon

Mix = dict[str, dict[str, int]]

# Sequences of each kind in one step, by the share of the time up to which they hold. Heads and
# tails are short pieces of the same problems: the columns are learned long before the copying of
# operands and answers, so most practice goes where the tokens are cheap and hard. The last two
# phases add drills (drills.py) of what is then still wrong.
MIX: list[tuple[float, Mix]] = [
    (0.12, {"whole": {"add": 7, "sub": 9, "mul": 9, "talk": 3},
            "heads": {"add": 4, "sub": 4, "mul": 3}, "tails": {"add": 4, "sub": 4, "mul": 3}}),
    (0.30, {"whole": {"add": 3, "sub": 4, "mul": 5, "talk": 3, "chain": 2},
            "heads": {"add": 10, "sub": 12, "mul": 4, "talk": 4},
            "tails": {"add": 4, "sub": 4, "mul": 3}}),
    (0.55, {"whole": {"add": 2, "sub": 3, "mul": 5, "talk": 3, "chain": 3, "square": 3},
            "heads": {"add": 8, "sub": 10, "mul": 4, "talk": 6, "near": 6, "beyond": 4},
            "tails": {"add": 4, "sub": 4, "mul": 4, "echo": 4, "bare": 4}}),
    (1.00, {"whole": {"add": 2, "echo": 3, "talk": 3, "sub": 2, "near": 4, "order": 2,
                      "mul": 3, "square": 5, "carries": 5, "chain": 5},
            "heads": {"add": 6, "sub": 6, "near": 8, "order": 4, "mul": 2, "echo": 4,
                      "talk": 3, "beyond": 6},
            "tails": {"add": 3, "sub": 3, "mul": 3, "echo": 6, "short": 6, "bare": 8}}),
]
SIFT_FROM = 0.3  # share of the time from which only samples that still teach are trained on
KINDS = (*data.TASKS, "talk", "square", "near", "echo", "order", "beyond", "chain", "bare")
REPLAYS = 12  # a step; samples that went wrong come again
UNLIKELY = 0.7  # loss of a token that counts as going wrong
UNSURE = 0.1  # loss of a token that still teaches something
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


def by_length(tok: Tokenizer, samples: list[data.Sample]) -> list[list[data.Sample]]:
    """Samples in groups of about one length, so that little is padding."""
    encoded = tok.encode_batch_fast([s.prompt + s.target for s in samples])
    groups: list[list[data.Sample]] = []
    first = 0
    for size, _, sample in sorted(zip(map(len, encoded), range(len(samples)), samples)):
        if not groups or size > 1.35 * first:
            groups.append([])
            first = size
        groups[-1].append(sample)
    return groups


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
        self.opts: list[torch.optim.Optimizer] = [
            Muon(decay, args.muon_lr),
            torch.optim.AdamW(rest, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.step, self.elapsed, self.tokens = 0, 0.0, 0
        self.wrong: list[data.Sample] = []  # to come again

    @staticmethod
    def decays(name: str, p: Tensor) -> bool:
        """Weight decay is for the matrices of the blocks only."""
        return p.ndim >= 2 and not any(k in name for k in ("embed", "lm_head", "gate.weight"))

    def rate(self) -> float:
        """Share of the full rate: warm-up by steps, constant, then linear to zero."""
        start = self.args.decay_from
        fall = 1.0 if self.used() < start else (1 - self.used()) / (1 - start)
        return min(1.0, (self.step + 1) / 100) * fall

    def losses(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Summed cross-entropy on the target tokens, and the largest one of each row."""
        logits = self.model.lm_head(self.model(ids)[mask])
        each = F.cross_entropy(logits, ids.roll(-1, 1)[mask], reduction="none")
        rows = mask.nonzero()[:, 0]
        worst = torch.zeros(len(ids)).scatter_reduce(0, rows, each.detach(), "amax")
        return each.sum(), worst

    @torch.no_grad()
    def sift(self, samples: list[data.Sample]) -> list[data.Sample]:
        """The samples that still teach. A look costs a third of a step, so it soon pays."""
        self.model.eval()
        kept = []
        for group in by_length(self.tok, samples):
            worst = self.losses(*encode(self.tok, group))[1].tolist()
            kept += [s for s, loss in zip(group, worst) if loss > UNSURE]
            self.wrong += [s for s, loss in zip(group, worst) if loss > UNLIKELY]
        self.model.train()
        self.rng.shuffle(self.wrong)
        del self.wrong[40 * REPLAYS :]
        return kept or samples[:1]

    def lines(self, kind: str) -> int:
        """How much of a thought a head holds: of a difference its sign too."""
        return 3 if kind in ("sub", "near", "order") else 1

    def used(self) -> float:
        """Share of the time that has gone by."""
        return min(1.0, self.elapsed / (60 * self.args.minutes))

    def samples(self) -> list[data.Sample]:
        """Fresh samples: whole ones and pieces."""
        def draw(kind: str, count: int, long: bool = False) -> list[data.Sample]:
            return [drills.sample(self.rng, kind, "train", long) for _ in range(count)]

        mix = next((m for until, m in MIX if self.used() < until), MIX[-1][1])
        drawn = [s for k, n in mix["whole"].items() for s in draw(k, n)]
        drawn += [s.head(self.lines(k)) for k, n in mix["heads"].items() for s in draw(k, n, True)]
        # Short results have leading zeros to leave out.
        long = self.rng.random() < 0.5
        drawn += [s.tail() for k, n in mix["tails"].items() for s in draw(k, n, long)]
        return drawn

    def train_step(self) -> float:
        """One optimizer step; returns the mean loss per target token."""
        samples = self.samples()
        if self.used() > SIFT_FROM:
            again = self.wrong[:REPLAYS]
            del self.wrong[:REPLAYS]
            samples = self.sift(samples + self.samples()) + again
        parts = [encode(self.tok, group) for group in by_length(self.tok, samples)]
        count = sum(int(mask.sum()) for _, mask in parts)
        total = 0.0
        for ids, mask in parts:
            loss, _ = self.losses(ids, mask)
            extra = sum(m.balance for m in self.model.moes()) * 1e-4 / len(parts)
            (loss / count + extra).backward()
            total += loss.item()
            self.tokens += ids.numel()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        rate = self.rate()
        for opt, full in zip(self.opts, (self.args.muon_lr, self.args.lr)):
            for group in opt.param_groups:
                group["lr"] = rate * full
            opt.step()
            opt.zero_grad(set_to_none=True)
        self.balance_experts(1e-3 * rate)
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
        keep = min(self.args.keep, (self.step + 1) / (self.step + 10))
        for name, value in self.model.state_dict().items():
            self.ema[name].lerp_(value, 1 - keep)

    @torch.no_grad()
    def exact(self, per_kind: int, averaged: bool) -> dict[str, float]:
        """Validation share with the whole target right (argmax under teacher forcing)."""
        live = {k: v.clone() for k, v in self.model.state_dict().items()}
        if averaged:
            self.model.load_state_dict(self.ema)
        self.model.eval()
        right = {}
        for kind in KINDS:
            rng = random.Random(99)
            good = 0
            for start in range(0, per_kind, 50):
                count = min(50, per_kind - start)
                ids, mask = encode(self.tok, [drills.sample(rng, kind, "valid")
                                              for _ in range(count)])
                hit = self.model.lm_head(self.model(ids)).argmax(-1) == ids.roll(-1, 1)
                good += int((hit | ~mask).all(1).sum())
            right[kind] = good / per_kind
        self.model.train()
        self.model.load_state_dict(live)
        return right

    def save(self, path: Path) -> None:
        """Checkpoint, written beside and renamed so that a stop never leaves half a file."""
        state = {"model": self.model.state_dict(), "ema": self.ema, "opts": [opt.state_dict() for opt in self.opts],
                 "rng": self.rng.getstate(), "step": self.step, "elapsed": self.elapsed,
                 "tokens": self.tokens, "wrong": self.wrong}
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        for opt, held in zip(self.opts, state["opts"]):
            opt.load_state_dict(held)
        self.ema = state["ema"]
        self.rng.setstate(state["rng"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.tokens, self.wrong = state["tokens"], state["wrong"]


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
            print("valid", trainer.exact(100, False), "ema", trainer.exact(100, True), flush=True)
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
    parser.add_argument("--lr", type=float, default=2.5e-3, help="of AdamW, outside the blocks")
    parser.add_argument("--muon-lr", type=float, default=0.02, help="of Muon, inside the blocks")
    parser.add_argument("--keep", type=float, default=0.997, help="of the averaged weights")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--test-minutes", type=float, default=6.0)
    parser.add_argument("--resume", action="store_true")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
