#!/usr/bin/env python3
"""Values of options from variables and files: which one wins, where each comes from, and the one line
that a wrong one gets. Usage: tests/config_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, MINI
from recorded import run_script


class Place:
    """A working directory, a home and variables of its own, so that the machine's don't count."""

    def __init__(self, folder: str):
        self.folder = pathlib.Path(folder)
        self.user = self.folder / "home/.config/hearth/hearth.toml"
        self.user.parent.mkdir(parents=True)
        self.here = self.folder / "hearth.toml"

    def run(self, *args: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8",
               **variables}
        run = subprocess.run([BINARY, *args], cwd=self.folder, env=env, capture_output=True,
                             text=True, timeout=120, check=False)
        if run.returncode != code:
            raise AssertionError(f"{args}: exit {run.returncode}, expected {code}\n{run.stdout}"
                                 f"\n{run.stderr}")
        return run

    def shown(self, *args: str, **variables: str) -> dict[str, dict]:
        out = json.loads(self.run("config", "show", "--json", *args, **variables).stdout)
        return {value["key"]: value for value in out["values"]}

    def refusal(self, *args: str, **variables: str) -> str:
        run = self.run(*args, code=2, **variables)
        if run.stdout or run.stderr.count("\n") != 1:
            raise AssertionError(f"{args}: expected one line, found {run.stdout}{run.stderr}")
        return run.stderr


class Configuration(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = Place(folder.name)

    def test_which_one_wins(self):
        """From the weakest upwards, each next one beats those before."""
        place = self.place
        named = place.folder / "other.toml"

        def threads(*flags: str, **variables: str) -> tuple[str, str]:
            value = place.shown("generate", *flags, **variables)["threads"]
            return value["value"], value["origin"]

        self.assertEqual(threads(), ("0", "default"))
        place.user.write_text("threads = 2\n")
        self.assertEqual(threads(), ("2", f"file {place.user}:1"))
        place.user.write_text("threads = 2\n[generate]\nthreads = 3\n")
        self.assertEqual(threads(), ("3", f"file {place.user}:3"))
        place.here.write_text("\nthreads = 4\n")
        self.assertEqual(threads(), ("4", "file ./hearth.toml:2"))
        named.write_text("threads = 5\n")
        self.assertEqual(threads(HEARTH_CONFIG=str(named)), ("5", f"file {named}:1"))
        self.assertEqual(threads("--config", str(named)), ("5", f"file {named}:1"))
        self.assertEqual(threads(HEARTH_THREADS="6"), ("6", "variable HEARTH_THREADS"))
        self.assertEqual(threads(HEARTH_THREADS=""), ("4", "file ./hearth.toml:2"))
        self.assertEqual(threads(HEARTH_THREADS="6", HEARTH_GENERATE_THREADS="7"),
                         ("7", "variable HEARTH_GENERATE_THREADS"))
        self.assertEqual(threads("--threads", "8", HEARTH_THREADS="6"), ("8", "flag"))

    def test_groups_lists_and_text(self):
        place = self.place
        place.here.write_text('model = "mini"\n[eval]\nlimit = 5\n[eval.run]\nlimit = 6\n'
                              '[generate]\nstop = ["a", "b"]\nload-in-8bit = true\ntop-p = 0.5\n')
        self.assertEqual(place.shown("eval", "arithmetic")["limit"]["value"], "5")
        self.assertEqual(place.shown("eval", "run")["limit"]["value"], "6")
        self.assertEqual(place.shown("eval", "run", HEARTH_EVAL_RUN_LIMIT="7")["limit"]["value"], "7")
        generate = place.shown("generate")
        self.assertEqual(generate["stop"]["value"], ["a", "b"])
        self.assertEqual(generate["load-in-8bit"]["value"], "true")
        text = place.run("config", "show", "--origin").stdout
        self.assertIn("[generate]\n", text)
        self.assertRegex(text, r"top-p = 0.5 +# file ./hearth.toml:9\n")
        self.assertNotIn("default", text)

    def test_they_reach_the_command(self):
        place = self.place
        place.here.write_text(f'model = "{MINI}"\n[generate]\nmax-tokens = 3\ntemperature = 0\n')
        ask = ["generate", "--prompt", "1+1=?", "--json"]
        self.assertEqual(len(json.loads(place.run(*ask).stdout)["output_ids"]), 3)
        two = json.loads(place.run(*ask, HEARTH_MAX_TOKENS="2").stdout)
        self.assertEqual(len(two["output_ids"]), 2)
        four = json.loads(place.run(*ask, "--max-tokens", "4", HEARTH_MAX_TOKENS="2").stdout)
        self.assertEqual(len(four["output_ids"]), 4)

    def test_a_flag_leaves_out_what_it_excludes(self):
        place = self.place
        place.here.write_text('model = "/nowhere"\n')
        place.run("tokenize", "--tokenizer", f"{MINI}/tokenizer.json", "--file", "hearth.toml")
        place.run("plan", "--config", f"{MINI}/config.json")
        place.run("run", MINI, "1+1=?", HEARTH_MAX_TOKENS="1")
        self.assertIn("/nowhere", place.run("run", "1+1=?", code=2).stderr)

    def test_language(self):
        place = self.place
        place.here.write_text('lang = "zh"\n')
        tiny = ["tiny", "--arch", "qwen2", "--force", "out"]
        self.assertIn("参数", place.run(*tiny).stdout)
        self.assertIn("parameters", place.run(*tiny, HEARTH_LANG="en_GB.UTF-8").stdout)
        place.here.write_text('lang = "en"\n')
        self.assertIn("参数", place.run(*tiny, HEARTH_LANG="zh_CN.UTF-8").stdout)
        self.assertIn("与模型对话", place.run("run", "--help", HEARTH_LANG="zh").stdout)

    def test_wrong_files_are_one_line(self):
        place = self.place
        cases = [
            ("threads = 4\nthreds = 5\n", "./hearth.toml:2: unknown key `threds`"),
            ("[serve]\nthreads = 4\n[server]\nport = 1\n", "./hearth.toml:4: [server]"),
            ("[serve]\nbits = 1\n", "unknown key `bits` of [serve]"),
            ("[serve\n", "./hearth.toml:1: "),
            ("threads = \n", "./hearth.toml:1: "),
            ("[generate]\nthreads = 4000\n", "file ./hearth.toml:2: --threads"),
            ("[generate]\nthreads = [1, 2]\n", "file ./hearth.toml:2: --threads"),
            ("[generate]\ndtype = 1979-05-27\n", "./hearth.toml:2: `dtype`"),
            ("help = true\n", "unknown key `help`"),
            ("[serve]\nnew-api-key = 'a'\n", "unknown key `new-api-key`"),
        ]
        for text, expected in cases:
            with self.subTest(text=text):
                place.here.write_text(text)
                line = place.refusal("generate", "--model", MINI, "--prompt", "a")
                self.assertTrue(line.startswith("hearth generate: "), line)
                self.assertIn(expected, line)
        # Whoever asks for help or for the version gets it all the same.
        place.run("generate", "--help")
        place.run("--version")
        place.run("generate", "--model", MINI, "--prompt", "a", "--max-tokens", "1", "--config",
                  str(place.user), code=2)

    def test_wrong_variables(self):
        line = self.place.refusal("generate", "--model", MINI, "--prompt", "a", HEARTH_THREADS="many")
        self.assertIn("variable HEARTH_THREADS: --threads", line)
        self.place.run("config", "show", HEARTH_NOTHING_OF_OURS="1", HEARTH_PEER_LLAMA="x")

    def test_a_named_file_must_be_there(self):
        self.assertIn("nowhere.toml", self.place.refusal("config", "show", "--config", "nowhere.toml"))
        self.assertIn("nowhere.toml", self.place.refusal("plan", "--model", MINI,
                                                         HEARTH_CONFIG="nowhere.toml"))

    def test_no_variable_means_two_options(self):
        """HEARTH_A_B of verb `a` and option --b is not also option --a-b of another."""
        listed = self.place.run("--help").stdout.split("Subcommands:")[1]
        verbs = [line.split()[0] for line in listed.splitlines()
                 if line.startswith("  ") and not line.startswith("   ")]
        plain, of_verbs = set(), set()
        for verb in verbs:
            if verb in ("eval", "audit", "watermark", "config"):
                continue  # groups
            for key in self.place.shown(verb):
                option = key.replace("-", "_")
                plain.add(option)
                of_verbs.add(f"{verb}_{option}")
        self.assertGreater(len(plain), 100)
        self.assertEqual(plain & of_verbs, set())


if __name__ == "__main__":
    sys.exit(run_script("config"))
