#!/usr/bin/env python3
"""Writes src/hearth/eval/math/testdata/verdicts.jsonl: what two public graders of mathematics say of
our labelled pairs and of pairs of different references of one class; and, with the path of MATH-500's
test.jsonl, math500_verdicts.jsonl: what math-verify says of five replies to each of its problems.

    See README.md for what to install.
    graders/bin/python tools/golden/math_verdicts.py [MATH-500/test.jsonl]

`math_verify` is null where it could not read one of the two as an expression: it then says "not
equal" of anything. `math_dataset` is the string grader of the MATH data set's authors; it is null
where the two strings differ, which decides nothing.
"""

import importlib.metadata
import json
import pathlib
import random
import sys

from math_verify import parse, verify

from public_graders import lm_eval_module

DATA = pathlib.Path(__file__).resolve().parents[2] / "src/hearth/eval/math/testdata"
SECONDS = 5  # for each step of math-verify
CROSS = 450  # pairs of different references
FRACTION, DISPLAY = "\\frac", "\\dfrac"
PACKAGES = ("math-verify", "latex2sympy2_extended", "sympy", "lm-eval")


def math_verify_says(reference: str, reply: str) -> bool | None:
    read = [parse(text, parsing_timeout=SECONDS) for text in (f"${reference}$", reply)]
    if verify(*read, timeout_seconds=SECONDS):
        return True
    expressions = all(any(not isinstance(one, str) for one in side) for side in read)
    return False if expressions else None


def cross_pairs(pairs: list[dict]) -> list[tuple[str, str]]:
    """References of one class that no label joins, drawn; most differ in value, and some don't."""
    rng = random.Random(10)
    by_class: dict[str, list[str]] = {}
    for pair in pairs:
        by_class.setdefault(pair["class"], []).append(pair["reference"])
    labelled = {(pair["reference"], pair["candidate"]) for pair in pairs}
    out: dict[tuple[str, str], None] = {}
    while len(out) < CROSS:
        references = rng.choice(list(by_class.values()))
        one, other = rng.choice(references), rng.choice(references)
        if one != other and (one, other) not in labelled:
            out[one, other] = None
    return list(out)


def write(name: str, lines: list[dict]) -> None:
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    with open(DATA / name, "w") as out:
        for line in [{"versions": versions}, *lines]:
            print(json.dumps(line, ensure_ascii=False), file=out)
    print(f"{name}: {len(lines)} lines, {versions}")


def labelled_verdicts() -> None:
    pairs = [json.loads(line) for line in (DATA / "pairs.jsonl").read_text().splitlines()]
    pairs = [pair for pair in pairs if pair["class"] != "hostile"]
    is_equiv = lm_eval_module("lm_eval.tasks.hendrycks_math.utils").is_equiv
    asked = [(pair["reference"], pair["candidate"]) for pair in pairs] + cross_pairs(pairs)
    write("verdicts.jsonl",
          [{"reference": reference, "candidate": candidate,
            "math_verify": math_verify_says(reference, f"${candidate}$"),
            "math_dataset": is_equiv(reference, candidate) or None}
           for reference, candidate in asked])  # fmt: skip


def math500_verdicts(path: str) -> None:
    """Replies in the order that the test makes them again: the problem's own solution, those of the
    problems whose answers stand before and behind its own in order, and two plain sentences."""
    problems = [json.loads(line) for line in open(path)]
    problems.sort(key=lambda p: (p["answer"].encode(), p["unique_id"]))
    lines = []
    for i, problem in enumerate(problems):
        before, behind = problems[i - 1], problems[(i + 1) % len(problems)]
        replies = [problem["solution"], before["solution"], behind["solution"],
                   f"The answer is ${problem['answer'].replace(FRACTION, DISPLAY)}$.",
                   f"So it is\n\\[ \\boxed{{ {behind['answer']} }}. \\]"]  # fmt: skip
        said = [math_verify_says(problem["answer"], reply) for reply in replies]
        lines.append({"unique_id": problem["unique_id"], "math_verify": said})
    write("math500_verdicts.jsonl", lines)


labelled_verdicts()
if len(sys.argv) > 1:
    math500_verdicts(sys.argv[1])
