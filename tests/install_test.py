#!/usr/bin/env python3
"""What is installed works by itself: into a fresh prefix, examples/ built against it, one answer
each. Usage: tests/install_test.py CMAKE BUILD REPO COMPILER. Standard library only."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from recorded import run_script

CMAKE, BUILD, REPO, COMPILER = sys.argv[1:5]


class Install(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.prefix = self.path / "prefix"
        self.call(CMAKE, "--install", BUILD, "--prefix", self.prefix)

    def call(self, *args, **env: str) -> str:
        """Standard output of a command that must succeed, called from elsewhere."""
        run = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False,
                             timeout=200, cwd=self.path, env=dict(os.environ, **env))
        self.assertEqual(run.returncode, 0, f"{args}\n{run.stdout}\n{run.stderr}")
        return run.stdout

    def test_a_program_finds_builds_and_asks(self):
        out = self.path / "examples"
        self.call(CMAKE, "-S", f"{REPO}/examples", "-B", out, "-G", "Ninja",
                  f"-DCMAKE_CXX_COMPILER={COMPILER}", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.call(CMAKE, "--build", out)
        answer = self.call(out / "ask", self.prefix / "share/hearth/mini", "48291+7734=?")
        self.assertEqual(answer.strip()[-6:], "=56025")
        self.assertNotIn(BUILD, self.call("ldd", out / "ask"))

    def test_the_binary_brings_its_model(self):
        binary = self.prefix / "bin/hearth"
        answer = self.call(binary, "run", "48291+7734=?")
        self.assertIn("=56025", answer)
        self.assertIn("score", self.call(binary, "eval", "arithmetic", "--model", "mini", "--limit",
                                         "2", "--json"))


if __name__ == "__main__":
    sys.exit(run_script("install"))
