"""How a problem is made: statements in English and Chinese, a reference solution, and cases whose
expected values come from a second, slower solution (`oracle`) wherever it can decide them; both must
agree there. All problems draw from one `rng`, so the order of the files counts.
"""

import json
import pathlib
import random
import subprocess
import tempfile
from collections.abc import Callable

rng = random.Random(7)
problems: list[dict] = []


def call(solution: str, name: str, args: list) -> object:
    scope: dict = {}
    exec(solution, scope)  # noqa: S102: our own text below
    return scope[name](*json.loads(json.dumps(args)))


def python(
    name: str, difficulty: str, en: str, zh: str, solution: str, tests: list[list],
    oracle: Callable, large: list[list] | None = None, compare: str = "exact",
) -> None:  # fmt: skip
    """`tests` are small enough for the oracle; `large` ones measure the solution's growth."""
    cases = []
    for args in tests:
        expected = json.loads(json.dumps(oracle(*json.loads(json.dumps(args)))))
        found = json.loads(json.dumps(call(solution, name, args)))
        if compare == "unordered":
            assert sorted(found) == sorted(expected), (name, args, expected, found)
        else:
            assert found == expected, (name, args, expected, found)
        cases.append({"args": args, "expected": expected})
    for args in large or []:
        cases.append({"args": args, "expected": call(solution, name, args)})
    signature = next(line for line in solution.split("\n") if line.startswith(f"def {name}("))
    problems.append(
        {"task_id": name, "difficulty": difficulty, "language": "python", "prompt": en,
         "prompt_zh": zh, "starter": signature + "\n", "entry_point": name, "compare": compare,
         "limits": {"seconds": 10, "memory_mb": 512}, "cases": cases, "solution": solution}
    )  # fmt: skip


def cpp(
    name: str, difficulty: str, en: str, zh: str, solution: str, inputs: list[str],
    oracle: Callable[[str], object], large: list[str] | None = None,
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "a.cpp"
        source.write_text(solution)
        binary = f"{folder}/a"
        subprocess.run(["g++", "-std=c++17", "-O2", "-Wall", "-o", binary, source], check=True)
        cases = []
        for text in inputs + (large or []):
            found = subprocess.run([binary], input=text, capture_output=True, text=True, check=True)
            if text in inputs:
                expected = str(oracle(text))
                assert found.stdout.split() == expected.split(), (name, text, expected, found)
            cases.append({"input": text, "output": found.stdout})
    problems.append(
        {"task_id": name, "difficulty": difficulty, "language": "cpp", "prompt": en,
         "prompt_zh": zh, "limits": {"seconds": 3, "memory_mb": 512}, "cases": cases,
         "solution": solution}
    )  # fmt: skip


def numbers(n: int, lo: int, hi: int) -> list[int]:
    return [rng.randint(lo, hi) for _ in range(n)]


def text(n: int, alphabet: str) -> str:
    return "".join(rng.choice(alphabet) for _ in range(n))
