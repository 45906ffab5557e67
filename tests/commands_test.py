#!/usr/bin/env python3
"""inspect, plan, bench and tiny: what they print; that --help and docs/cli.md say the same; the bar of
progress. Usage: tests/commands_test.py BINARY REPO. Standard library only."""

import contextlib
import csv
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from command import BINARY, MINI, REPO, as_json, hearth
from recorded import run_script


class Commands(unittest.TestCase):
    def test_inspect(self):
        out = as_json("inspect", MINI)
        self.assertEqual(out["architecture"], "deepseek_v3")
        self.assertEqual(sum(t["bytes"] for t in out["tensors"]), out["bytes"])

    def test_plan(self):
        out = as_json("plan", "--model", MINI)
        for key in ("devices", "kv_bytes", "peak_bytes", "ttft_ms", "tok_s", "limited_by"):
            self.assertIn(key, out)

    def test_tiny(self):
        with tempfile.TemporaryDirectory() as folder:
            for arch in ("deepseek_v3", "deepseek_v2", "qwen2", "qwen3", "llama"):
                for name in (arch, arch + ".gguf"):
                    path = str(pathlib.Path(folder) / name)
                    hearth("tiny", "--arch", arch, path)
                    out = as_json("generate", "--model", path, "--prompt", "hello", "--raw",
                                  "--max-tokens", "3")
                    self.assertGreaterEqual(len(out["output_ids"]), 1)

    def test_the_layer_for_multi_token_prediction(self):
        """Seen, planned where it is loaded, and no change to an answer; refused where there is none."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("model", "model.gguf"):
                path = str(pathlib.Path(folder) / name)
                hearth("tiny", "--arch", "deepseek_v3", "--mtp", path)
                self.assertTrue(as_json("inspect", path)["mtp"])
                plans = [as_json("plan", "--model", path, "--draft", draft, "--threads", "1")
                         for draft in ("auto", "off")]
                self.assertEqual([plan["mtp"] for plan in plans], [True, False])
                self.assertGreater(plans[0]["parameters"], plans[1]["parameters"])
                self.assertGreater(plans[0]["kv_bytes"], plans[1]["kv_bytes"])
                prompt = ["generate", "--model", path, "--prompt", "hello", "--raw", "--temperature",
                          "0", "--max-tokens", "40"]
                ids = [as_json(*prompt, "--draft", draft)["output_ids"]
                       for draft in ("off", "mtp", "auto", "ngram")]
                self.assertEqual(ids, [ids[0]] * 4)
        self.assertFalse(as_json("inspect", MINI)["mtp"])
        refused = hearth("run", "--model", MINI, "--draft", "mtp", "1+1=?", code=2)
        self.assertIn("multi-token prediction", refused.stderr)

    def test_a_smaller_model_guesses(self):
        asked = ("generate", "--model", MINI, "--prompt", "37*48=?", "--seed", "3")
        with tempfile.TemporaryDirectory() as folder:
            small, other = os.path.join(folder, "small.gguf"), os.path.join(folder, "other")
            hearth("quantize", MINI, small, "--format", "q4_0")
            plain = as_json(*asked, "--draft", "off")
            guessed = as_json(*asked, "--draft-model", small)
            self.assertEqual(guessed["output_ids"], plain["output_ids"])
            self.assertGreater(guessed["timings"]["drafted"], 0)  # how many pay, the clock says
            hearth("tiny", other, "--arch", "qwen2")
            refused = hearth(*asked, "--draft-model", other, code=2)
            self.assertIn("vocabulary", refused.stderr)
            refused = hearth(*asked, "--draft-model", small, "--draft", "ngram", code=2)
            self.assertIn("--draft auto", refused.stderr)

    def helps(self, *verbs: str) -> dict[tuple[str, ...], str]:
        """What each command and each of its own commands says to --help."""
        text = hearth(*verbs, "--help").stdout
        found = {verbs: text}
        listed = text.partition("Subcommands:")[2].partition("\nExample")[0]
        for name in re.findall(r"^  (\S+)", listed, re.M):
            found |= self.helps(*verbs, name)
        return found

    def test_help_and_the_page_of_commands_say_the_same(self):
        helps = self.helps()
        self.assertGreaterEqual(len(helps), 40)
        page = (REPO / "docs/cli.md").read_text()
        pattern = r"(?<![\w-])--[a-z][a-z0-9-]*"
        flags = set()
        for verbs, text in helps.items():
            with self.subTest(verbs):
                if verbs:
                    self.assertIn("Example:", text)
                    self.assertIn(f"hearth {verbs[0]}", page)
                    self.assertRegex(page, rf"(?<![\w-]){re.escape(verbs[-1])}(?![\w-])")
                flags |= set(re.findall(pattern, text))
        self.assertEqual(flags, set(re.findall(pattern, page)))
        named = {tuple(words.split()) for words in re.findall(r"`hearth ([a-z]+(?: [a-z][a-z-]*)*)", page)}
        self.assertLessEqual(named, helps.keys())


class ProgressBar(unittest.TestCase):
    """For a person at a terminal, behind two seconds of work; a stopped process lets them pass."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.text = pathlib.Path(self.folder.name) / "text"
        self.text.write_text("the quick brown fox, 12+30=42\n" * 800)

    def score(self, stderr) -> subprocess.Popen:
        return subprocess.Popen(
            [BINARY, "perplexity", "--model", MINI, "--file", self.text, "--threads", "1"],
            stdout=subprocess.PIPE, stderr=stderr, env=dict(os.environ, LC_ALL="C.UTF-8"))

    def pause(self, child: subprocess.Popen):
        time.sleep(0.2)
        child.send_signal(signal.SIGSTOP)
        time.sleep(2)
        child.send_signal(signal.SIGCONT)

    def shown(self, terminal: int) -> list[tuple[float, str]]:
        """When a terminal showed what, to the end of its last program."""
        pieces = []
        with contextlib.suppress(OSError):  # how Linux says that nobody has the other side open
            while piece := os.read(terminal, 4096):
                pieces.append((time.monotonic(), piece.decode()))
        return pieces

    def test_it_comes_after_two_seconds_and_goes(self):
        terminal, other = pty.openpty()
        begin = time.monotonic()
        with self.score(other) as child:
            os.close(other)
            self.pause(child)
            pieces = self.shown(terminal)
            self.assertIn(b"perplexity", child.stdout.read())
        os.close(terminal)
        self.assertEqual(child.returncode, 0)
        self.assertGreaterEqual(pieces[0][0] - begin, 2)
        text = "".join(piece for _, piece in pieces)
        self.assertRegex(text, r"^\r\w+ \[=* *\] +\d+% \d+ s")
        self.assertTrue(text.endswith("\r\x1b[K"), text[-80:])
        self.assertNotIn("\n", text)

    def test_short_work_shows_none(self):
        terminal, other = pty.openpty()
        begin = time.monotonic()
        path = str(pathlib.Path(self.folder.name) / "tiny")
        with subprocess.Popen([BINARY, "tiny", path, "--arch", "llama"], stdout=subprocess.PIPE,
                              stderr=other) as child:
            os.close(other)
            pieces = self.shown(terminal)
        os.close(terminal)
        if time.monotonic() - begin > 2:
            self.skipTest("the machine took two seconds for little work")
        self.assertEqual((child.returncode, pieces), (0, []))

    def test_nobody_watches(self):
        with self.score(subprocess.PIPE) as child:
            self.pause(child)
            self.assertEqual(child.communicate()[1], b"")
        self.assertEqual(child.returncode, 0)


class Bench(unittest.TestCase):
    def test_bench(self):
        shape = str(REPO / "tests/golden/qwen2/config.json")
        with tempfile.TemporaryDirectory() as folder:
            plot = pathlib.Path(folder) / "speed.svg"
            run = hearth("bench", "--shape", shape, "--format", "f16", "--prompt", "16", "--gen",
                         "4", "--depth", "0,32", "--batch", "1,2", "--repeat", "2", "--threads",
                         "1", "--svg", str(plot), "--json")
            self.assertIn("</svg>", plot.read_text())
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([line["test"] for line in lines],
                         ["pp16", "pp16@32", "tg4", "tg4 b2", "tg4@32", "tg4@32 b2"])
        for line in lines:
            self.assertLessEqual(line["tok_s_min"], line["tok_s"])
            self.assertLessEqual(line["tok_s"], line["tok_s_max"])
            for key in ("bytes_per_token", "gb_s", "bandwidth_measured_gb_s", "peak_rss_bytes",
                        "fraction_of_limit"):
                self.assertGreater(line[key], 0, key)

    def test_bench_of_a_model_as_csv(self):
        run = hearth("bench", "--model", MINI, "--prompt", "8", "--gen", "2", "--repeat", "1",
                     "--threads", "1", "--csv")
        header, *rows = csv.reader(run.stdout.splitlines())
        self.assertEqual([row[header.index("test")] for row in rows], ["pp8", "tg2"])
        self.assertTrue(all(len(row) == len(header) for row in rows))

    def test_bench_refuses(self):
        hearth("bench", code=2)
        hearth("bench", "--shape", "gpt-5", code=2)
        hearth("bench", "--shape", "deepseek-v3", "--layers", "62", code=2)
        hearth("bench", "--model", MINI, "--prompt", "0", "--gen", "0", code=2)


if __name__ == "__main__":
    sys.exit(run_script("commands"))
