#!/usr/bin/env python3
"""`hearth quantize` and `hearth imatrix`: after kill -9 the same bytes, what other tools quantised,
what is refused. Usage: tests/quantize_test.py BINARY REPO. Standard library only."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, MINI, REPO, as_json, hearth
from npy import read_npy
from recorded import run_script


class Quantize(unittest.TestCase):
    def test_quantize_survives_kill(self):
        """kill -9 in the middle, the same command again: the bytes of an undisturbed run."""
        with tempfile.TemporaryDirectory() as folder:
            source, whole, out = (str(pathlib.Path(folder) / name)
                                  for name in ("model", "whole.gguf", "out.gguf"))
            hearth("tiny", "--arch", "deepseek_v3", "--format", "f8_e4m3", source)
            command = ["quantize", source, out, "--format", "q4_k_m", "--threads", "1"]
            report = as_json("quantize", source, whole, "--format", "q4_k_m")
            self.assertEqual(report["tensors"], len(report["items"]))
            journal = pathlib.Path(out + ".journal")
            for lines in (2, 4, 8):  # killed when so many tensors are done, at the earliest
                run = subprocess.Popen([BINARY, *command], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
                while run.poll() is None:
                    with contextlib.suppress(FileNotFoundError):
                        if journal.read_bytes().count(b"\n") >= lines:
                            break
                run.kill()
                run.wait()
                if os.path.exists(out):  # it was faster than the kill: once more from the start
                    os.remove(out)
            as_json(*command)
            self.assertEqual(pathlib.Path(out).read_bytes(), pathlib.Path(whole).read_bytes())
            checked = subprocess.run(["sha256sum", "-c", "out.gguf.sha256"], cwd=folder,
                                     capture_output=True, text=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_directories_that_other_tools_quantised(self):
        """Seen by their scheme, planned, and written out as the very floats that they run as."""
        for name, scheme in (("awq_g32", "AWQ"), ("gptq4_asym_v1_permuted", "GPTQ"),
                             ("bnb_nf4_nested", "nf4"), ("fp8_tensor", "FP8"),
                             ("ct_pack4_asym", "compressed-tensors")):
            source = str(REPO / "tests/golden/foreign" / name)
            seen = as_json("inspect", source)
            self.assertIn(scheme, seen["scheme"])
            self.assertEqual(as_json("plan", "--model", source)["parameters"], seen["parameters"])
            with tempfile.TemporaryDirectory() as folder:
                plain = str(pathlib.Path(folder) / "plain")
                self.assertEqual(as_json("quantize", source, plain, "--format", "f32")["rmse"], 0)
                self.assertNotIn("scheme", as_json("inspect", plain))
                rows = []
                for model in (source, plain):
                    out = pathlib.Path(folder) / "logits.npy"
                    hearth("logits", "--model", model, "--dtype", "f32", "--prompt-ids", "5,9,2,30",
                           "--out", str(out))
                    rows.append(read_npy(out))
                self.assertEqual(*rows)

    def test_quantize_with_an_importance_matrix(self):
        with tempfile.TemporaryDirectory() as folder:
            text, matrix, plain, weighed = (str(pathlib.Path(folder) / name) for name in
                                            ("text.txt", "i.gguf", "plain.gguf", "weighed.gguf"))
            pathlib.Path(text).write_text("12+30=42 37*48=1776 你好\n" * 200)
            out = as_json("imatrix", "--model", MINI, "--file", text, "--out", matrix,
                          "--ctx", "128", "--chunks", "4")
            self.assertEqual((out["chunks"], out["tokens"]), (4, 512))
            as_json("quantize", MINI, plain, "--format", "q4_0")
            as_json("quantize", MINI, weighed, "--format", "q4_0", "--imatrix", matrix)
            keys = as_json("inspect", weighed)["metadata"]
            self.assertEqual(keys["quantize.imatrix.chunks_count"], "4")
            for path in (plain, weighed):
                answer_text = as_json("run", "--model", path, "25+17=?", "--temperature", "0")
                self.assertIn("text", answer_text)

    def test_quantize_refuses(self):
        with tempfile.TemporaryDirectory() as folder:
            out = str(pathlib.Path(folder) / "out.gguf")
            self.assertIn("q4_k_m", hearth("quantize", MINI, out, "--format", "q9", code=2).stderr)
            hearth("quantize", MINI, folder + "/dir", "--format", "q8_0", code=2)
            self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    sys.exit(run_script("quantize"))
