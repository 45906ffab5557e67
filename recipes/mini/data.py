"""Seeded generator of the training conversations and of the held-out problem sets.

A hash of (task, sorted operands) puts a problem into one of three splits: training, validation
(on which the training mix is chosen) or held out (only for the final figures). Commuted pairs
therefore always fall together. Run as a script to write heldout/{add,sub,mul,carries}.jsonl.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
from dataclasses import dataclass
from pathlib import Path

import phrases as ph
from traces import carries, solve

TASKS = ("add", "sub", "mul")
MAX_DIGITS = {"add": 5, "sub": 5, "mul": 3}
HELD_OUT_MODULUS = 10
VALID_MODULUS = 20  # of the pairs that are not held out


@dataclass
class Sample:
    """One conversation: the rendered prompt, and the target the loss is taken on."""

    prompt: str
    target: str

    def head(self, lines: int = 1) -> "Sample":
        """Only the first lines of the thought: cheap practice in copying the operands."""
        return Sample(self.prompt, "".join(self.target.splitlines(True)[:lines]))

    def tail(self) -> "Sample":
        """The result line is given and the reply is learned: cheap practice in the answer."""
        thought, end, reply = self.target.partition("\n</think>")
        return Sample(self.prompt + thought.rpartition("\n")[2], end + reply)


def split_of(task: str, a: int, b: int) -> str:
    """The split of an unordered operand pair: "train", "valid" or "heldout"."""
    key = f"{task}:{min(a, b)}:{max(a, b)}".encode()
    digest = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")
    if digest % HELD_OUT_MODULUS == 0:
        return "heldout"
    return "valid" if digest // HELD_OUT_MODULUS % VALID_MODULUS == 0 else "train"


def random_number(rng: random.Random, digits: int) -> int:
    """A number of exactly that many digits; some are rich in zeros, nines or repeats."""
    kind = rng.random()
    pool = "0123456789"
    if kind < 0.08:
        pool = "0001259"
    elif kind < 0.16:
        pool = "9998051"
    elif kind < 0.22:
        pool = rng.choice("0123456789") * 3 + rng.choice("0123456789")
    text = "".join(rng.choice(pool) for _ in range(digits))
    if digits > 1 and text[0] == "0":
        text = rng.choice("123456789") + text[1:]
    return int(text)


def close_pair(rng: random.Random, task: str, a: int, digits: int) -> int:
    """A partner that makes long carry or borrow chains, or a tie until late columns."""
    text = list(str(a))
    if task == "add":
        text = [str(9 - int(c)) for c in text]
        text[rng.randrange(len(text))] = rng.choice("0123456789")
    else:
        for i in range(rng.randrange(len(text)), len(text)):
            text[i] = rng.choice("0123456789")
    b = int("".join(text))
    return b if len(str(b)) == digits else random_number(rng, digits)


def draw_pair(rng: random.Random, task: str, la: int, lb: int, split: str) -> tuple[int, int]:
    """Operands of the given lengths from the wanted split."""
    while True:
        a = random_number(rng, la)
        b = random_number(rng, lb)
        if la == lb and task != "mul" and rng.random() < 0.2:
            b = close_pair(rng, task, a, lb)
        if split_of(task, a, b) == split:
            return a, b


def expression(rng: random.Random, task: str, a: int, b: int) -> str:
    """The problem in symbols."""
    op = rng.choice(ph.SYMBOLS[task])
    space = "" if rng.random() < 0.5 else " "
    return f"{a}{space}{op}{space}{b}"


def order(rng: random.Random, task: str, a: int, b: int) -> str:
    """The problem as an English order."""
    text = rng.choice(ph.ORDERS_EN[task]).format(a=a, b=b)
    return rng.choice(["", "", "", "Please "]) + text + rng.choice(["", ".", ".", "!"])


def phrase(rng: random.Random, task: str, a: int, b: int, lang: str) -> str:
    """A user's message asking for the problem."""
    if lang == "bare":
        return expression(rng, task, a, b) + rng.choice(ph.BARE_ENDS)
    words, frames = (
        (ph.WORDS_EN, ph.FRAMES_EN) if lang == "en" else (ph.WORDS_ZH, ph.FRAMES_ZH)
    )
    if lang == "en" and rng.random() < 0.12:
        return order(rng, task, a, b)
    frame = rng.choice(frames)
    if frame not in ("{e}", "{e}=?") and rng.random() < 0.6:
        text = frame.format(e=expression(rng, task, a, b))
    else:
        text = frame.format(e=rng.choice(words[task]).format(a=a, b=b))
    return text[0].upper() + text[1:] if rng.random() < 0.5 else text


def answer(lang: str, task: str, a: int, b: int, result: int) -> str:
    """The reply after the thought, in the language of the question."""
    if lang == "bare":
        op = {"add": "+", "sub": "-", "mul": "*"}[task]
        return f"{a}{op}{b}={result}"
    return ph.ANSWERS[lang].format(r=result)


def random_language(rng: random.Random) -> str:
    """Bare symbols, English or Chinese."""
    return rng.choices(["bare", "en", "zh"], [0.3, 0.35, 0.35])[0]


def problem(rng: random.Random, task: str, a: int, b: int, lang: str) -> tuple[str, str, str]:
    """(question, thought, reply) of given operands."""
    thought, result = solve(task, a, b)
    return phrase(rng, task, a, b, lang), thought, answer(lang, task, a, b, result)


def draw_problem(
    rng: random.Random, task: str, split: str, long: bool = False
) -> tuple[str, str, str]:
    """(question, thought, reply) of one problem; `long` prefers operands of many digits."""
    tries = 3 if long else 1
    la = max(rng.randint(1, MAX_DIGITS[task]) for _ in range(tries))
    lb = max(rng.randint(1, MAX_DIGITS[task]) for _ in range(tries))
    a, b = draw_pair(rng, task, la, lb, split)
    return problem(rng, task, a, b, random_language(rng))


def out_of_range(rng: random.Random, lang: str) -> str:
    """A question of arithmetic that the model must decline."""
    task = rng.choice(["add", "sub", "mul", "div", "div", "three", "point"])

    def n(low: int, high: int) -> int:
        return random_number(rng, rng.randint(low, high))

    if task in ("add", "sub"):
        pair = [n(6, 9), n(1, 9)]
        rng.shuffle(pair)
        return phrase(rng, task, pair[0], pair[1], lang)
    if task == "mul":
        pair = [n(4, 7), n(1, 6)]
        rng.shuffle(pair)
        return phrase(rng, task, pair[0], pair[1], lang)
    if task == "three":
        ops = [rng.choice("+-*") for _ in range(2)]
        text = f"{n(1, 3)}{ops[0]}{n(1, 3)}{ops[1]}{n(1, 3)}"
    elif task == "point":
        text = f"{n(1, 3)}.{n(1, 2)}{rng.choice('+-*')}{n(1, 3)}"
    else:
        a, b = n(1, 5), n(1, 3)
        forms = {
            "en": ["{a}/{b}", "{a} / {b}", "{a}÷{b}", "{a} divided by {b}"],
            "zh": ["{a}/{b}", "{a}÷{b}", "{a} ÷ {b}", "{a}除以{b}"],
            "bare": ["{a}/{b}", "{a} / {b}", "{a}÷{b}", "{a} ÷ {b}"],
        }
        text = rng.choice(forms[lang]).format(a=a, b=b)
    if lang == "bare":
        return text + rng.choice(ph.BARE_ENDS)
    # A frame without words would leave open which language to answer in.
    frames = ph.FRAMES_EN if lang == "en" else ph.FRAMES_ZH
    return rng.choice([f for f in frames if f not in ("{e}", "{e}=?")]).format(e=text)


def draw_talk(rng: random.Random) -> tuple[str, str, str]:
    """(question, thought, reply) of small talk, refusals and out-of-range arithmetic."""
    lang = rng.choice(["en", "zh"])
    kind = rng.random()
    if kind < 0.35:
        questions, thought, reply = rng.choice(ph.TALK_EN if lang == "en" else ph.TALK_ZH)
        return rng.choice(questions), thought + "\n", reply
    if kind < 0.65:
        frames, topics = (
            (ph.OTHER_EN, ph.TOPICS_EN) if lang == "en" else (ph.OTHER_ZH, ph.TOPICS_ZH)
        )
        thought, reply = ph.REFUSE_EN if lang == "en" else ph.REFUSE_ZH
        return rng.choice(frames).format(t=rng.choice(topics)), thought + "\n", reply
    asked = lang if rng.random() < 0.6 else "bare"
    thought, reply = ph.RANGE_ZH if asked == "zh" else ph.RANGE_EN
    return out_of_range(rng, asked), thought + "\n", reply


def render(rng: random.Random, turn: tuple[str, str, str], split: str = "train") -> Sample:
    """Apply the R1 template: sometimes a system text or an earlier turn without its thought."""
    question, thought, reply = turn
    head = rng.choice(ph.SYSTEMS) if rng.random() < 0.04 else ""
    if rng.random() < 0.08:
        old = draw_talk(rng) if rng.random() < 0.4 else draw_problem(
            rng, rng.choice(TASKS), split)
        lead = "\n\n" if rng.random() < 0.3 else ""
        head += f"<｜User｜>{old[0]}<｜Assistant｜>{lead}{old[2]}<｜end▁of▁sentence｜>"
    prompt = f"<｜begin▁of▁sentence｜>{head}<｜User｜>{question}<｜Assistant｜><think>\n"
    return Sample(prompt, f"{thought}</think>\n\n{reply}<｜end▁of▁sentence｜>")


def sample(rng: random.Random, task: str, split: str = "train", long: bool = False) -> Sample:
    """One conversation of a task; "talk" is everything that is not a problem."""
    turn = draw_talk(rng) if task == "talk" else draw_problem(rng, task, split, long)
    return render(rng, turn, split)


def heldout_items(task: str, per_class: int, seed: int) -> list[dict[str, str]]:
    """Held-out problems of a task, equally many from every pair of operand lengths."""
    rng = random.Random(f"heldout-{seed}-{task}")
    items: list[dict[str, str]] = []
    for la in range(1, MAX_DIGITS[task] + 1):
        for lb in range(1, MAX_DIGITS[task] + 1):
            for k in range(per_class):
                a, b = draw_pair(rng, task, la, lb, "heldout")
                lang = ("bare", "en", "zh")[k % 3]
                items.append({
                    "id": f"{task}-{la}+{lb}-{k:03d}", "task": task, "lang": lang,
                    "len": f"{la}+{lb}", "prompt": phrase(rng, task, a, b, lang),
                    "answer": str(solve(task, a, b)[1]),
                })
    return items


def pairs_by_carries(
    rng: random.Random, task: str, draws: int
) -> dict[int, dict[tuple[int, int], list[tuple[int, int]]]]:
    """Held-out operand pairs by number of carries, then by operand lengths; none twice."""
    found: dict[int, dict[tuple[int, int], list[tuple[int, int]]]] = {}
    lengths = range(1, MAX_DIGITS[task] + 1)
    for la, lb in itertools.product(lengths, lengths):
        for a, b in dict.fromkeys(draw_pair(rng, task, la, lb, "heldout") for _ in range(draws)):
            count = carries(solve(task, a, b)[0])
            found.setdefault(count, {}).setdefault((la, lb), []).append((a, b))
    return found


def carry_items(task: str, per_task: int, seed: int) -> list[dict[str, str | int]]:
    """Held-out problems of a task, equally many with each number of carries; among these equally
    many from each pair of operand lengths that can have it."""
    rng = random.Random(f"carries-{seed}-{task}")
    found = pairs_by_carries(rng, task, 4000)
    items: list[dict[str, str | int]] = []
    for count in sorted(found):
        pools = list(found[count].items())
        for k in range(per_task // len(found)):
            (la, lb), pairs = pools[k % len(pools)]
            turn = k // len(pools)  # a class of few pairs repeats them in other phrasings
            a, b = pairs[turn % len(pairs)]
            lang = ("bare", "en", "zh")[(k + turn) % 3]
            items.append({
                "id": f"{task}-{count}-carries-{k:03d}", "task": task, "lang": lang,
                "len": f"{la}+{lb}", "carries": count, "prompt": phrase(rng, task, a, b, lang),
                "answer": str(solve(task, a, b)[1]),
            })
    return items


def write_items(path: Path, items: list[dict]) -> None:
    """One JSON object a line."""
    with open(path, "w", encoding="utf-8") as handle:
        for item in items:
            handle.write(json.dumps(item, ensure_ascii=False) + "\n")


def main() -> None:
    """Write the held-out sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSONL files")
    parser.add_argument("--seed", type=int, default=20261124)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for task, per_class in (("add", 24), ("sub", 24), ("mul", 68)):
        write_items(args.out / f"{task}.jsonl", heldout_items(task, per_class, args.seed))
    by_carries = [item for task in TASKS for item in carry_items(task, 600, args.seed)]
    write_items(args.out / "carries.jsonl", by_carries)


if __name__ == "__main__":
    main()
