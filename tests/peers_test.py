#!/usr/bin/env python3
"""bench/peers/compare.py with stand-ins for the engines: what it asks them, and what it makes of
their answers. Standard library only."""

import importlib.util
import json
import os
import pathlib
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

from recorded import run_script

COMPARE = pathlib.Path(__file__).resolve().parent.parent / "bench" / "peers" / "compare.py"

# Each appends its arguments to `asked` beside it.
HEARTH = """#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(sys.argv[0])
with open(here + "/asked", "a") as asked:
    asked.write("hearth " + " ".join(sys.argv[1:]) + "\\n")
print(json.dumps({"tok_s": 30.0, "gb_s": 8.0, "bandwidth_measured_gb_s": 10.0, "gop_s": 50.0,
                  "peak_measured_gop_s": 100.0, "cpu": "some CPU"}))
"""
BENCH = """#!/usr/bin/env python3
import json, os, sys
if "--help" in sys.argv:
    print("  -fa, --flash-attn <0|1>\\n  -rtr, --run-time-repack <0|1>\\n")
    sys.exit(0)
if "broken.gguf" in sys.argv:
    sys.exit("cannot load")
with open(os.path.dirname(sys.argv[0]) + "/asked", "a") as asked:
    asked.write("peer " + " ".join(sys.argv[1:]) + "\\n")
print(json.dumps([{"avg_ts": 20.0}]))
"""
BATCHED = """#!/usr/bin/env python3
import os, sys
out = sys.stderr if os.path.exists(os.path.dirname(sys.argv[0]) + "/logs") else sys.stdout
print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |  T s | S t/s |", file=out)
print("|     1 |     32 |    8 |    264 |    0.100 |   80.00 |    2.000 |   15.00 | 2.1 |   17.0 |", file=out)
"""


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name, text in (("hearth", HEARTH), ("llama-bench", BENCH),
                           ("llama-batched-bench", BATCHED)):
            path = pathlib.Path(self.folder.name, name)
            path.write_text(text)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def compare(self, *args: str, code: int = 0, peers: tuple = ("HEARTH_PEER_IK",)):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEARTH_PEER")}
        env.update({name: self.folder.name for name in peers})
        run = subprocess.run(
            [sys.executable, str(COMPARE), "--hearth", f"{self.folder.name}/hearth", "--threads",
             "2", "--json", f"{self.folder.name}/out.json", *args],
            env=env, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, code, run.stderr)
        return run

    def asked(self) -> list[str]:
        return pathlib.Path(self.folder.name, "asked").read_text().splitlines()

    def test_engines_run_in_turn(self):
        out = self.compare("--pairs", "3", "--tests", "pp512,tg32@4096", "a.gguf").stdout
        self.assertEqual([line.split()[0] for line in self.asked()], ["hearth", "peer"] * 6)
        self.assertIn("-rtr 1", self.asked()[1])
        self.assertNotIn("-mla", self.asked()[1])  # which this llama-bench does not know
        self.assertIn("-gp 4096,32", self.asked()[-1])
        self.assertIn("| a.gguf | pp512 | 30.0 (30.0–30.0) | 80% (80%) | 50% | 20.0 (20.0–20.0) | "
                      "1.50 (1.50–1.50) |", out)
        kept = json.loads(pathlib.Path(self.folder.name, "out.json").read_text())
        self.assertEqual(kept["results"][0]["peers"]["ik_llama.cpp"]["ratios"], [1.5] * 3)

    def test_batches(self):
        out = self.compare("--pairs", "1", "--tests", "tg32b8", "a.gguf").stdout
        self.assertIn("2.00 (2.00–2.00)", out)
        pathlib.Path(self.folder.name, "logs").touch()  # as a fork does with its table
        out = self.compare("--pairs", "1", "--tests", "tg32b8", "a.gguf").stdout
        self.assertIn("2.00 (2.00–2.00)", out)

    def test_a_peer_that_fails_is_named_and_left_out(self):
        run = self.compare("--pairs", "2", "broken.gguf", code=1)
        self.assertIn("cannot load", run.stderr)
        self.assertIn("| – | – |", run.stdout)

    def test_refuses(self):
        self.compare("a.gguf", code=1, peers=())
        self.compare("--tests", "speed", "a.gguf", code=1)
        self.compare("--pairs", "0", "a.gguf", code=2)


class Masks(unittest.TestCase):
    """bench/peers/grammar_masks.py, as far as it goes without llama.cpp."""
    SCRIPT = COMPARE.parent / "grammar_masks.py"

    def test_a_missing_peer_is_said(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEARTH_PEER")}
        for peer, says in (({}, "found nothing"), ({"HEARTH_PEER_LLAMA": "/nowhere"}, "/nowhere")):
            done = subprocess.run([sys.executable, self.SCRIPT, "x.tiktoken"], env={**env, **peer},
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("HEARTH_PEER_LLAMA: expected a build folder of llama.cpp", done.stderr)
            self.assertIn(says, done.stderr)

    def test_the_vocabulary_it_writes(self):
        loader = importlib.util.spec_from_file_location("grammar_masks", self.SCRIPT)
        masks = importlib.util.module_from_spec(loader)
        loader.loader.exec_module(masks)
        with tempfile.TemporaryDirectory() as folder:
            source, target = pathlib.Path(folder, "v.tiktoken"), pathlib.Path(folder, "v.gguf")
            source.write_text("PGE+ 0\nPGI+ 1\nPGM+ 2\nIQ== 3\nxKAh 4\n")  # <a> <b> <c> ! Ġ!
            masks.write_vocabulary(source, target)
            data = target.read_bytes()
        self.assertEqual((data[:4], len(data) % 32), (b"GGUF", 0))
        self.assertEqual(struct.unpack_from("<IQQ", data, 4), (3, 0, 8))
        at = data.index(b"tokenizer.ggml.tokens") + len(b"tokenizer.ggml.tokens")
        self.assertEqual(struct.unpack_from("<IIQ", data, at), (9, 8, 5))
        self.assertIn(struct.pack("<Q", 3) + "Ġ!".encode(), data[at:])


if __name__ == "__main__":
    sys.exit(run_script("peers"))
