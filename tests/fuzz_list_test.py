#!/usr/bin/env python3
"""docs/hostile-input.md lists every fuzz target, and tools/fuzz-seeds knows no others.
Usage: tests/fuzz_list_test.py BINARY REPO. Standard library only."""

import importlib.machinery
import importlib.util
import re
import sys
import unittest

from command import REPO
from recorded import run_script


def targets() -> set[str]:
    return {path.name.removesuffix("_fuzz.cc") for path in (REPO / "src").rglob("*_fuzz.cc")}


class FuzzList(unittest.TestCase):
    def test_every_target_is_listed(self):
        page = (REPO / "docs/hostile-input.md").read_text().split("## Fuzzing")[1]
        listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(listed), targets())

    def test_seeds_are_of_targets(self):
        sys.dont_write_bytecode = True
        loader = importlib.machinery.SourceFileLoader("fuzz_seeds", str(REPO / "tools/fuzz-seeds"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz_seeds", loader))
        loader.exec_module(module)
        seeds = module.seeds()
        self.assertLessEqual({name.removeprefix("fuzz_") for name in seeds}, targets())
        for name, inputs in seeds.items():
            self.assertGreater(len(inputs), 0, name)


if __name__ == "__main__":
    sys.exit(run_script("fuzz_list"))
