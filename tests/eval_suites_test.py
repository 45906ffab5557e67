#!/usr/bin/env python3
"""Suites of `hearth eval` through the command line: choices by log-likelihood.
Usage: tests/eval_suites_test.py BINARY REPO. Standard library only."""

import json
import pathlib
import sys
import tempfile
import unittest

from command import MINI, as_json, hearth
from recorded import run_script


def lines_of(path: pathlib.Path) -> list[dict]:
    """The records of a file, in a fixed order, without what the clock said."""
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    for line in lines:
        del line["seconds"], line["joules"]
    return sorted(lines, key=lambda line: line["id"])


class Choices(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.data = self.folder / "sums.csv"
        rows = [f"{n}+7=?,{n + 7},{n + 8},{n},7,{'ABCD'[n % 4]}" for n in range(12)]
        self.data.write_text("\n".join(rows) + "\n")

    def test_by_likelihood_it_goes_on_and_says_what_it_compared(self):
        args = ["eval", "mmlu", "--model", MINI, "--data", str(self.data), "--choices", "likelihood"]
        whole, broken = self.folder / "whole", self.folder / "broken"
        out = as_json(*args, "--items", str(whole), "--batch", "3")
        self.assertEqual((out["suite"], out["n"], out["tokens"]), ("mmlu", 12, 0))
        for line in lines_of(whole):
            sums = [choice["log_likelihood"] for choice in line["choices"]]
            self.assertEqual(len(sums), 4)
            self.assertLess(max(sums), 0)
            self.assertEqual(line["reply"], "ABCD"[sums.index(max(sums))])
            self.assertEqual(line["right"], line["reply"] == line["answer"])
            self.assertTrue(line["prompt"].endswith("\nAnswer:"))
        text = whole.read_text().splitlines(keepends=True)
        broken.write_text("".join(text[:6]) + text[6][:40])  # killed while it wrote
        again = as_json(*args, "--items", str(broken), "--batch", "5")
        self.assertTrue(broken.read_text().startswith("".join(text[:6])))
        self.assertEqual(lines_of(broken), lines_of(whole))
        self.assertEqual((again["score"], again["ci95"]), (out["score"], out["ci95"]))
        # Replies of the other way are another run's.
        refused = hearth("eval", "mmlu", "--model", MINI, "--data", str(self.data), "--items",
                         str(whole), code=2)
        self.assertIn("expected records of this run", refused.stderr)

    def test_choices_of_different_lengths_are_also_compared_by_byte(self):
        data = self.folder / "test.en.jsonl"
        lines = [{"premise": f"I have {n}.", "choice1": "12", "choice2": "a very long sentence " * 3,
                  "question": "effect", "label": n % 2} for n in range(6)]
        data.write_text("\n".join(json.dumps(line) for line in lines))
        out = as_json("eval", "xcopa", "--model", MINI, "--data", str(data), "--choices",
                      "likelihood")
        self.assertEqual(out["score"], 0.5)  # the short one, always
        self.assertIn("likeliest by byte", out["measures"])

    def test_what_has_no_likelihood_is_refused_in_one_line(self):
        base = ["--model", MINI, "--data", str(self.data), "--choices", "likelihood"]
        for args, words in [
                (["eval", "mmlu", *base, "--endpoint", "http://127.0.0.1:9/v1"], "--endpoint"),
                (["eval", "mmlu", *base, "--samples", "2"], "--samples"),
                (["eval", "mmlu", *base, "--temperature", "0.6"], "--temperature"),
                (["eval", "run", "gsm8k", *base], "mmlu, cmmlu, ceval, xcopa")]:
            error = hearth(*args, code=2).stderr
            self.assertEqual(error.strip().count("\n"), 0, error)
            self.assertIn(words, error)


if __name__ == "__main__":
    sys.exit(run_script("eval_suites"))
