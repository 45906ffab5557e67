#!/usr/bin/env python3
"""Writes src/hearth/eval/instructions/testdata/verdicts.jsonl: replies of our own (ifeval_replies.py)
in the public format of IFEval, each with what its authors' checkers say of it, strictly and loosely.
The checkers are those that lm-eval carries.

    See README.md for what to install.
    NLTK_DATA=FOLDER graders/bin/python tools/golden/ifeval_verdicts.py   # FOLDER/tokenizers/punkt_tab/english
"""

import importlib.metadata
import json
import logging
import pathlib
import random

import langdetect

from ifeval_replies import Replies
from public_graders import lm_eval_module

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/hearth/eval/instructions/testdata/verdicts.jsonl"
EACH = 12  # replies that follow an instruction, and as many that don't
TRIES = 400
PAIRS = 60  # replies that are asked for two instructions


def verdicts(utils, key: int, ids: list[str], kwargs: list[dict], reply: str) -> dict:
    item = {"key": key, "prompt": f"p{key}", "instruction_id_list": ids, "kwargs": kwargs}
    langdetect.DetectorFactory.seed = 0
    said = utils.process_results(item, [reply])
    return item | {"reply": reply, "strict": said["inst_level_strict_acc"], "loose": said["inst_level_loose_acc"]}


def main() -> None:
    logging.disable(logging.CRITICAL)
    utils = lm_eval_module("lm_eval.tasks.ifeval.utils")
    replies = Replies(seed=25)
    rng = random.Random(26)
    lines: list[dict] = []
    makers = {name: getattr(replies, name.replace(":", "_")) for name in utils.instructions_registry.INSTRUCTION_DICT}
    for name, make in makers.items():
        left = {True: EACH, False: EACH}
        seen = set()
        for _ in range(TRIES):
            kwargs, reply = make()
            text = json.dumps([kwargs, reply])
            line = verdicts(utils, len(lines), [name], [kwargs], reply)
            if text in seen or not left[line["strict"][0]]:
                continue
            seen.add(text)
            left[line["strict"][0]] -= 1
            lines.append(line)
        assert left[True] < EACH and left[False] < EACH, f"{name}: all replies alike"
    for _ in range(PAIRS):
        (first, make), (second, other) = rng.sample(list(makers.items()), 2)
        kwargs, reply = make()
        lines.append(verdicts(utils, len(lines), [first, second], [kwargs, other()[0]], replies.framed(reply)))
    versions = {name: importlib.metadata.version(name) for name in ("lm-eval", "nltk", "langdetect")}
    OUT.parent.mkdir(exist_ok=True)
    with open(OUT, "w") as out:
        print(json.dumps({"versions": versions}), file=out)
        for line in lines:
            print(json.dumps(line, ensure_ascii=False), file=out)
    print(f"{OUT}: {len(lines)} replies, {versions}")


main()
