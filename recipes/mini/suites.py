#!/usr/bin/env python3
"""Scores of the bundled model on every suite whose file is at hand, as a table in Markdown.

    recipes/mini/suites.py build/hearth FOLDER [--limit 100] > recipes/mini/suites.md

FOLDER has the public files (math500/test.jsonl, gsm8k/test.jsonl, ...); a suite whose file is not
there has a row that says so. The model does sums and nothing else, and that is what its rows show.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

# Suite, its file below FOLDER ("": comes with Hearth, or is drawn), options, what a guess scores.
SUITES = [
    ("arithmetic", "", [], ""),
    ("math500", "math500/test.jsonl", [], ""),
    ("gsm8k", "gsm8k/test.jsonl", [], ""),
    ("aime", "aime24/aime24.jsonl", [], ""),
    ("cmath", "cmath/test.jsonl", [], ""),
    ("mgsm", "mgsm/mgsm_zh.tsv", [], ""),
    ("mgsm", "mgsm/mgsm_sw.tsv", [], ""),
    ("humaneval", "humaneval/HumanEval.jsonl", [], ""),
    ("humaneval", "humaneval/humaneval-cpp.jsonl", [], ""),
    ("mbpp", "mbpp/mbpp_test.jsonl", [], ""),
    ("code", "", [], ""),
    ("code_zh", "", [], ""),
    ("xcopa", "xcopa/test.zh.jsonl", ["--choices", "likelihood"], "50 %"),
    ("xcopa", "xcopa/test.sw.jsonl", ["--choices", "likelihood"], "50 %"),
    ("translation", "tico19/en-sw.sample.jsonl", [], ""),
    ("needle", "", ["--lengths", "128,512", "--depths", "0,50,100", "--needles", "10",
                    "--max-tokens", "64"], ""),
]


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def row_of(binary: str, folder: pathlib.Path, limit: int, suite: tuple) -> str:
    name, file, options, guess = suite
    shown = f"| `{name}` | {file} |"
    if file and not (folder / file).exists():
        print(f"{name}: {folder / file}: not there, no score", file=sys.stderr)
        return f"{shown} not at hand | | | |"
    command = [binary, "eval", name, "--model", "mini", "--json", *options]
    command += ["--data", str(folder / file)] if file else []
    command += ["--limit", str(limit)] if name != "arithmetic" else []
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {run.stderr.strip().splitlines()[-1]}")
    told = json.loads(run.stdout.strip().splitlines()[-1])
    low, high = told["ci95"]
    more = [f"guessing: {guess}"] if guess else []
    more += [f"{measure}: {100 * value:.1f}" for measure, value in told.get("measures", {}).items()]
    interval = f"{100 * max(0.0, low):.1f} to {percent(high)}"
    return f"{shown} {told['n']} | {percent(told['score'])} | {interval} | {', '.join(more)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=100, help="items of a suite, but arithmetic's")
    options = parser.parse_args()
    print("# What the bundled model scores on the suites\n")
    print("It was trained on sums, differences and products alone, so this is a floor; a model to use "
          "is scored by\nthe same commands ([evaluation.md](../../docs/evaluation.md)).\nMade by `recipes/mini/suites.py build/hearth "
          f"FOLDER --limit {options.limit}`, {datetime.date.today()}; the first items of each\n"
          "public file, greedy or as the suite says.\n")
    print("| suite | file | items | score | 95 % interval | also |")
    print("|---|---|---|---|---|---|")
    for suite in SUITES:
        print(row_of(options.binary, options.folder, options.limit, suite), flush=True)


if __name__ == "__main__":
    main()
