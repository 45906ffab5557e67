"""Greedy accuracy of an exported checkpoint on the held-out sets, with 95 % intervals.

Uses transformers and the checkpoint's own chat template; a cross-check of the engine's own
evaluation, which reads the same JSONL files. Wilson score intervals, per task and per length.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import defaultdict
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share."""
    z, p = 1.96, right / count
    centre = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def last_number(reply: str) -> str:
    """The last integer of the reply; a minus counts as a sign unless it follows a digit."""
    found = re.findall(r"(?<!\d)-?\d+|\d+", reply.split("</think>")[-1])
    return found[-1] if found else ""


@torch.inference_mode()
def greedy(model: torch.nn.Module, tok: PreTrainedTokenizerBase, prompts: list[str],
           limit: int) -> list[str]:
    """Replies (thought and answer) of one batch; prompts are padded on the left."""
    texts = [tok.apply_chat_template([{"role": "user", "content": p}], tokenize=False,
                                     add_generation_prompt=True) for p in prompts]
    batch = tok(texts, return_tensors="pt", padding=True, padding_side="left",
                add_special_tokens=False, return_token_type_ids=False)
    out = model.generate(**batch, do_sample=False, temperature=None, top_p=None,
                         max_new_tokens=limit)
    new = out[:, batch["input_ids"].shape[1]:]
    return tok.batch_decode(new, skip_special_tokens=True)


def evaluate(args: argparse.Namespace) -> None:
    """Print one Markdown row a task, the length classes, and the first failures."""
    tok = AutoTokenizer.from_pretrained(args.model)
    dtype = torch.float32 if args.float32 else torch.bfloat16
    # Weights are the stored bfloat16 values either way; float32 is the arithmetic.
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype).eval()
    for path in args.sets:
        items = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        items = items[:: max(1, len(items) // args.limit)] if args.limit else items
        classes: dict[str, list[int]] = defaultdict(list)
        wrong = []
        for start in range(0, len(items), args.batch):
            part = items[start : start + args.batch]
            replies = greedy(model, tok, [i["prompt"] for i in part], 230)
            for item, reply in zip(part, replies):
                good = int(last_number(reply) == item["answer"])
                keys = ["all", item["len"], item["lang"]]
                if "carries" in item:
                    keys.append(f"{item['task']} {item['carries']} carries")
                for key in keys:
                    classes[key].append(good)
                if not good:
                    wrong.append((item, reply))
        right, count = sum(classes["all"]), len(classes["all"])
        low, high = wilson(right, count)
        print(f"| {path.stem} | {right}/{count} | {right / count:.2%} "
              f"| {low:.2%} – {high:.2%} |", flush=True)
        print("  ", {k: f"{sum(v)}/{len(v)}" for k, v in classes.items() if k != "all"})
        for item, reply in wrong[: args.show]:
            print("   wrong:", item["id"], item["prompt"], item["answer"], repr(reply))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sets", type=Path, nargs="+", required=True, help="JSONL files")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--limit", type=int, default=0, help="about so many items a set")
    parser.add_argument("--show", type=int, default=3, help="failures to print")
    parser.add_argument("--float32", action="store_true")
    evaluate(parser.parse_args())


if __name__ == "__main__":
    main()
