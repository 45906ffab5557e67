#!/usr/bin/env python3
"""Suites of `hearth eval` through the command line: choices by log-likelihood, needles in long texts,
verifiable instructions, overlap with a tuning set.
Usage: tests/eval_suites_test.py BINARY REPO. Standard library only."""

import json
import pathlib
import re
import sys
import tempfile
import unittest

from command import MINI, as_json, hearth
from fake_endpoint import Fake, completion
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


class Needle(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.args = ["eval", "needle", "--lengths", "700,1300", "--depths", "0,50,100", "--needles", "2"]

    def cells(self, sees: int) -> dict:
        """Scores of a server that knows the last `sees` characters of a prompt."""
        def respond(handler, body):
            found = re.findall(r"is (\d{7})\.", body["messages"][0]["content"][-sees:])
            handler.give(200, completion(f"It is {found[0]}." if found else "I can't find it."))

        with Fake(respond) as fake:
            out = as_json(*self.args, "--endpoint", fake.url, "--model", "m", "--tokenizer", MINI)
        self.assertEqual(out["n"], 12)
        rows = {}
        for cell in out["cells"]:
            rows.setdefault(cell["row"], {})[cell["column"]] = cell["score"]
        return rows

    def test_accuracy_by_length_and_depth(self):
        every = {"0 %": 1, "50 %": 1, "100 %": 1}
        self.assertEqual(self.cells(1 << 20), {"700 tokens": every, "1300 tokens": every})
        blind = {"0 %": 0, "50 %": 0, "100 %": 1}
        self.assertEqual(self.cells(200), {"700 tokens": blind, "1300 tokens": blind})

    def test_the_report_has_a_map_and_the_records_its_texts(self):
        page, records = self.folder / "page.html", self.folder / "records"
        args = [*self.args, "--model", MINI, "--max-tokens", "4", "--items", str(records)]
        out = as_json(*args, "--report", str(page))
        self.assertEqual([(cell["row"], cell["column"]) for cell in out["cells"]],
                         [(row, column) for row in ("700 tokens", "1300 tokens")
                          for column in ("0 %", "50 %", "100 %")])
        html = page.read_text()
        self.assertEqual(html.count("<td style=\"background:#"), 6)
        self.assertIn("0.0 % of 2", html)
        for line in lines_of(records):
            self.assertEqual(line["prompt"].count(line["answer"]), 1)
        # Another seed writes other texts, which are another run's.
        self.assertIn("expected records of this run", hearth(*args, "--seed", "3", code=2).stderr)

    def test_what_does_not_fit_is_refused(self):
        for more, words in [(["--lengths", "3000"], "3064 tokens, found 2048"),
                            (["--lengths", "5"], "--lengths: expected 128"),
                            (["--depths", "120"], "--depths"),
                            (["--endpoint", "http://127.0.0.1:9/v1"], "--tokenizer")]:
            error = hearth("eval", "needle", "--model", MINI, *more, code=2).stderr
            self.assertEqual(error.count("\n"), 1, error)
            self.assertIn(words, error)


class Cards(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.args = ["eval", "card", "--model", MINI, "--formats", "q8_0", "--dir", str(self.folder / "d")]

    def test_choices_by_likelihood(self):
        data, page = self.folder / "test.csv", self.folder / "card.md"
        rows = [f"{n}+7=?,{n + 7},{n + 8},{n},7,{'ABCD'[n % 4]}" for n in range(12)]
        data.write_text("\n".join(rows) + "\n")
        args = ["--suite", "mmlu", "--data", str(data), "--choices", "likelihood"]
        card = as_json(*self.args, *args, "--out", str(page))
        alone = as_json("eval", "mmlu", "--model", MINI, *args[2:])
        base, eight = card["rows"]
        self.assertEqual((base["scores"][0]["n"], base["scores"][0]["score"]), (12, alone["score"]))
        self.assertEqual(eight["verdict"], "no difference")
        self.assertGreater(base["ppl"], 1)  # of its own words behind the plain questions
        self.assertIn("--suite mmlu", card["command"])
        self.assertIn("--choices likelihood", page.read_text())
        for line in lines_of(self.folder / "d" / "q8_0.mmlu.records"):
            self.assertEqual(len(line["choices"]), 4)
        error = hearth(*self.args, *args, "--temperature", "1", code=2).stderr
        self.assertIn("--temperature: expected no such option", error)
        error = hearth(*self.args, "--choices", "likelihood", code=2).stderr
        self.assertIn("expected a suite of choices (mmlu, cmmlu, ceval, xcopa)", error)

    def test_needles_beside_another_suite(self):
        args = ["--suite", "needle,arithmetic", "--lengths", "200,300", "--depths", "0,100",
                "--needles", "2", "--limit", "6", "--max-tokens", "8", "--seed", "3"]
        card = as_json(*self.args, *args)
        for row in card["rows"]:
            self.assertEqual([(score["suite"], score["n"]) for score in row["scores"]],
                             [("needle", 6), ("arithmetic", 6)])
        self.assertIn("--lengths 200,300 --depths 0,100 --needles 2", card["command"])
        asked = [line["prompt"] for line in lines_of(self.folder / "d" / "as stored.needle.records")]
        other = lines_of(self.folder / "d" / "q8_0.needle.records")
        self.assertEqual(asked, [line["prompt"] for line in other])
        for more, words in [(["--suite", "needle", "--lengths", "3000"], "3064 tokens, found 2048"),
                            (["--suite", "needle", "--data", "x"], "its texts are drawn")]:
            error = hearth(*self.args, *more, code=2).stderr
            self.assertEqual(error.count("\n"), 1, error)
            self.assertIn(words, error)


class Instructions(unittest.TestCase):
    def setUp(self):
        self.data = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "ifeval.jsonl")

    def write(self, *lines: dict):
        self.data.write_text("\n".join(json.dumps(line) for line in lines))

    def test_strict_and_loose_by_prompt_and_by_instruction(self):
        self.write({"key": 1, "prompt": "a", "instruction_id_list": ["punctuation:no_comma"],
                    "kwargs": [{}]},
                   {"key": 2, "prompt": "b", "kwargs": [{}, {"end_phrase": "Bye."}],
                    "instruction_id_list": ["startend:quotation", "startend:end_checker"]})
        replies = {"a": "Well, here:\nno comma.", "b": "\"So Bye.\""}
        with Fake(lambda handler, body: handler.give(
                200, completion(replies[body["messages"][0]["content"]]))) as fake:
            out = as_json("eval", "ifeval", "--data", str(self.data), "--endpoint", fake.url,
                          "--model", "m")
        self.assertEqual(out["score"], 0.5)
        self.assertEqual(out["measures"]["prompt loose"], 1)
        self.assertAlmostEqual(out["measures"]["instruction strict"], 2 / 3)
        self.assertEqual(out["measures"]["instruction loose"], 1)
        self.assertEqual(set(out["measures"]), set(out["measures_ci95"]))

    def test_an_unknown_instruction_is_named_before_anything_runs(self):
        self.write({"key": 1, "prompt": "a", "instruction_id_list": ["keywords:rhyme"],
                    "kwargs": [{}]})
        error = hearth("eval", "ifeval", "--model", MINI, "--data", str(self.data), code=2).stderr
        self.assertIn('ifeval.jsonl:1: `instruction_id_list`: no checker of the instruction '
                      '"keywords:rhyme"', error)


class Contamination(unittest.TestCase):
    def test_items_of_a_tuning_set_are_named(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        data, tuned, page = folder / "q.jsonl", folder / "tuned.jsonl", folder / "page.md"
        asked = [f"In the year {1900 + n} a farmer had {n} hens, sold {n + 1} eggs and {n * 3} apples"
                 f" to a baker of town {n * n}; how many were left?" for n in range(10, 16)]
        data.write_text("\n".join(json.dumps({"question": q, "answer": "#### 5"}) for q in asked))
        tuned.write_text(json.dumps({"messages": [{"role": "user", "content": asked[2].upper()}]}))
        with Fake(lambda handler, body: handler.give(200, completion("\\boxed{5}"))) as fake:
            args = ["eval", "gsm8k", "--data", str(data), "--endpoint", fake.url, "--model", "m",
                    "--contamination", str(tuned)]
            out = as_json(*args, "--report", str(page))
            note = out["contamination"]
            self.assertEqual(note["items"], [{"id": "2", "share": 1}])
            self.assertEqual((note["words"], note["threshold"], note["checked"]), (13, 0.5, 6))
            self.assertEqual((note["without_them"]["n"], note["without_them"]["score"]), (5, 1))
            self.assertIn("| 2 | 100 % |", page.read_text())
            tuned.write_text("{")
            self.assertIn("tuned.jsonl:1", hearth(*args, code=2).stderr)


if __name__ == "__main__":
    sys.exit(run_script("eval_suites"))
