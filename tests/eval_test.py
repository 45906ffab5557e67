#!/usr/bin/env python3
"""`hearth eval` and `hearth perplexity`: runs that go on after a kill, comparisons, reports, suites of
one's own, code. Usage: tests/eval_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from command import BINARY, MINI, REPO, as_json, hearth
from recorded import run_script


def records(path: str) -> int:
    """Lines of a file of records after the first, which says what the run is."""
    return max(0, pathlib.Path(path).read_bytes().count(b"\n") - 1) if os.path.exists(path) else 0


def untimed(path: str) -> list[str]:
    """Lines of a file of records in a fixed order, without what the clock said."""
    lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.pop("joules", None)
    return sorted(json.dumps(line) for line in lines)


class Eval(unittest.TestCase):
    def test_eval(self):
        data = REPO / "recipes/mini/heldout/add.jsonl"
        out = as_json("eval", "arithmetic", "--model", MINI, "--data", str(data), "--limit", "30")
        self.assertEqual((out["suite"], out["n"]), ("arithmetic", 30))
        self.assertGreater(out["score"], 0.9)

    def test_eval_goes_on_after_a_kill(self):
        data = str(REPO / "recipes/mini/heldout/mul.jsonl")
        args = ["eval", "arithmetic", "--model", MINI, "--data", data, "--limit", "60",
                "--samples", "2", "--temperature", "0.8", "--batch", "4"]
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = os.path.join(folder, "whole"), os.path.join(folder, "broken")
            out = as_json(*args, "--items", whole)
            process = subprocess.Popen([BINARY, *args, "--items", broken],
                                       stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while records(broken) < 10 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            process.wait()
            self.assertGreaterEqual(records(broken), 10)
            kept = pathlib.Path(broken).read_text().rpartition("\n")[0]
            again = as_json(*args, "--items", broken)
            self.assertTrue(pathlib.Path(broken).read_text().startswith(kept))
            self.assertEqual(untimed(broken), untimed(whole))
            for line in pathlib.Path(whole).read_text().splitlines()[1:]:
                self.assertGreater(json.loads(line)["seconds"], 0)
            self.assertEqual((out["score"], out["n"], out["replies"]),
                             (again["score"], 60, again["replies"]))
            refused = hearth(*args, "--items", broken, "--seed", "6", code=2)
            self.assertIn(broken, refused.stderr)

    def test_eval_compares_two_runs_and_reports(self):
        data = str(REPO / "recipes/mini/heldout/add.jsonl")
        args = ["eval", "arithmetic", "--model", MINI, "--data", data, "--limit", "24"]
        with tempfile.TemporaryDirectory() as folder:
            a, b, page = (os.path.join(folder, name) for name in ("a", "b", "report.html"))
            hearth(*args, "--items", a, "--report", page)
            hearth(*args, "--items", b, "--max-tokens", "2")  # too short for any sum
            html = pathlib.Path(page).read_text()
            self.assertIn("<svg", html)
            self.assertEqual(html.count("<circle") % 24, 0)  # a plot has a point for each reply
            self.assertGreater(html.count("<circle"), 0)
            self.assertNotIn("<script", html)
            lines = [json.loads(line) for line in pathlib.Path(a).read_text().splitlines()[1:]]
            hearth(*args, "--items", a, "--report", page + ".json")  # nothing is written anew
            costs = json.loads(pathlib.Path(page + ".json").read_text())
            self.assertAlmostEqual(costs["seconds"]["sum"], sum(line["seconds"] for line in lines))
            self.assertEqual({reply["id"]: reply["seconds"] for reply in costs["replies_each"]},
                             {line["id"]: line["seconds"] for line in lines})
            same = as_json("eval", "compare", a, a)
            self.assertEqual((same["verdict"], same["mcnemar_p"]), ("no difference", 1))
            worse = json.loads(hearth("eval", "compare", a, b, "--gate", "--json", code=1).stdout)
            self.assertEqual((worse["verdict"], worse["items"]), ("worse", 24))
            hearth("eval", "compare", a, os.path.join(folder, "none"), code=2)
            hearth(*args, "--report", "report.pdf", code=2)

    def test_a_card_says_what_each_format_costs_and_goes_on(self):
        data = str(REPO / "recipes/mini/heldout/add.jsonl")
        args = ["eval", "card", "--model", MINI, "--data", data, "--limit", "40"]
        with tempfile.TemporaryDirectory() as folder:
            where = os.path.join(folder, "formats")
            page = os.path.join(folder, "card.md")
            card = as_json(*args, "--formats", "q8_0,q2_k", "--dir", where, "--out", page)
            base, eight, two = card["rows"]
            self.assertEqual([row["format"] for row in card["rows"]], ["as stored", "q8_0", "q2_k"])
            self.assertNotIn("verdict", base)
            self.assertLess(two["bytes"], eight["bytes"])
            self.assertLess(eight["kld_mean"], two["kld_mean"])
            self.assertGreater(eight["same_top1"], 0.98)
            self.assertLess(base["ppl"], 1.2)  # its own greedy replies
            self.assertEqual(eight["verdict"], "no difference")
            for row in card["rows"]:
                self.assertEqual(row["scores"][0]["n"], 40)
                self.assertGreater(row["decode_tok_s"], 0)
            self.assertIn("| q2_k |", pathlib.Path(page).read_text())
            # A longer list goes on from what lies there.
            stored = os.path.join(where, "q8_0.arithmetic.records")
            before = (pathlib.Path(stored).read_bytes(),
                      os.stat(os.path.join(where, "q8_0.gguf")).st_mtime_ns)
            again = as_json(*args, "--formats", "q8_0,q4_0", "--dir", where)
            self.assertEqual(before, (pathlib.Path(stored).read_bytes(),
                                      os.stat(os.path.join(where, "q8_0.gguf")).st_mtime_ns))
            self.assertEqual(again["rows"][1]["scores"], eight["scores"])
            # Other weights are not mixed in.
            other = os.path.join(folder, "other.gguf")
            hearth("quantize", MINI, other, "--format", "q4_0")
            refused = hearth("eval", "card", "--model", other, "--data", data, "--formats", "q8_0",
                             "--dir", where, code=2)
            self.assertIn("other weights", refused.stderr)
            refused = hearth(*args, "--formats", "q9_9", "--dir", where, code=2)
            self.assertIn("q9_9", refused.stderr)

    def test_eval_of_ones_own_questions(self):
        with tempfile.TemporaryDirectory() as folder:
            suite = pathlib.Path(folder, "sums.yaml")
            suite.write_text("data: sums.jsonl\nprompt: '{{a}}+{{b}}=?'\nanswer: '{{sum}}'\n"
                             "scorer: numeric\nmax_tokens: 512\ntemperature: 0\n")
            lines = [json.dumps({"a": n, "b": 7, "sum": n + 7}) for n in range(100, 108)]
            pathlib.Path(folder, "sums.jsonl").write_text("\n".join(lines))
            args = ["eval", "run", str(suite), "--model", MINI, "--items", folder + "/records"]
            out = as_json(*args)
            self.assertEqual((out["suite"], out["n"]), ("sums", 8))
            self.assertGreater(out["score"], 0.8)
            suite.write_text(suite.read_text().replace("numeric", "exact"))
            self.assertIn('"scorer":"exact"', hearth(*args, code=2).stderr)
            suite.write_text("prompt: a\nscore: exact\n")
            self.assertIn("line 2", hearth("eval", "run", str(suite), "--model", MINI,
                                           code=2).stderr)

    def test_eval_runs_code_or_refuses_in_one_line(self):
        args = ["eval", "code", "--model", MINI, "--limit", "2", "--max-tokens", "4"]
        done = subprocess.run([BINARY, *args, "--json"], capture_output=True, text=True)
        if done.returncode != 0:
            self.assertIn("no sandbox here", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.skipTest(done.stderr.strip())
        out = json.loads(done.stdout)
        self.assertEqual((out["n"], out["score"], list(out["groups"])), (2, 0, ["easy"]))
        self.assertRegex(out["sandbox"], r"^(cgroup \(memory\.max, pids\.max\) below|rlimits, .*; no cgroup: )/")


class Perplexity(unittest.TestCase):
    def test_perplexity_against_itself(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("12+30=42\n" * 60)
            file.flush()
            out = as_json("perplexity", "--model", MINI, "--file", file.name, "--against", MINI)
            coarse = as_json("perplexity", "--model", MINI, "--dtype", "q4_0", "--file", file.name,
                             "--against", MINI)
        self.assertEqual((out["kld_mean"], out["same_top1"]), (0, 1))
        self.assertGreater(coarse["kld_mean"], 0)

    def test_stored_logits_stand_for_their_model(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        text, stored = folder / "text", folder / "base.safetensors"
        text.write_text("12+30=42\n" * 60 + "7*8=56\n")
        args = ["perplexity", "--file", str(text), "--ctx", "128", "--model", MINI]
        saved = as_json(*args, "--save-logits", str(stored))
        self.assertNotIn("kld_mean", saved)
        for dtype in ("auto", "q4_0"):
            live = as_json(*args, "--dtype", dtype, "--against", MINI)
            held = as_json(*args, "--dtype", dtype, "--against-logits", str(stored))
            self.assertEqual(held, live)
        self.assertGreater(held["kld_mean"], 0)
        # Of another text, another cut, another file.
        for more, words in [(["--ctx", "256"], "windows of 256 tokens, found 128"),
                            (["--file", str(REPO / "README.md")], "this text"),
                            (["--against-logits", str(pathlib.Path(MINI, "model.safetensors"))],
                             "--save-logits"),
                            (["--against-logits", str(folder / "none")], "none")]:
            asked = [*args, "--against-logits", str(stored), *more]
            for flag in more[::2]:  # the last one counts
                at = asked.index(flag)
                if asked.count(flag) > 1:
                    del asked[at:at + 2]
            error = hearth(*asked, code=2).stderr
            self.assertEqual(error.count("\n"), 1, error)
            self.assertIn(words, error)

    def test_an_eight_bit_cache_costs_little(self):
        readme = str(REPO / "README.md")
        out = as_json("perplexity", "--model", MINI, "--file", readme, "--against", MINI,
                      "--kv-format", "q8_0")
        self.assertGreater(out["kld_mean"], 0)  # it was used
        self.assertLess(out["kld_mean"], 0.02)  # a text of another kind than it knows
        self.assertGreater(out["same_top1"], 0.95)
        sums = str(REPO / "recipes/mini/heldout/mul.jsonl")
        scored = as_json("eval", "arithmetic", "--model", MINI, "--data", sums, "--limit", "40",
                         "--kv-format", "q8_0")
        self.assertGreaterEqual(scored["score"], 0.95)


if __name__ == "__main__":
    sys.exit(run_script("eval"))
