"""Writes assets/eval/code/problems.jsonl: 30 problems with tests; how they are made: maker.py.
Usage: python3 tools/golden/code_problems
"""

import importlib
import json
import pathlib

from maker import problems

OUT = pathlib.Path(__file__).resolve().parents[3] / "assets/eval/code/problems.jsonl"


def main() -> None:
    for difficulty in ("easy", "medium", "hard"):
        importlib.import_module(difficulty)  # which adds its problems
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(p, ensure_ascii=False, separators=(",", ":")) for p in problems]
    OUT.write_text("\n".join(lines) + "\n")
    by = {d: sum(p["difficulty"] == d for p in problems) for d in ("easy", "medium", "hard")}
    print(f"{OUT}: {len(problems)} problems, {by}, {OUT.stat().st_size} bytes")


main()
