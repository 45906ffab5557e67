#!/usr/bin/env python3
"""docs/hostile-input.md lists every fuzz target and names tests that exist; tools/fuzz-seeds knows no
other targets, and its models and vocabularies are ones that the binary reads.
Usage: tests/fuzz_list_test.py BINARY REPO. Standard library only."""

import importlib.machinery
import importlib.util
import json
import pathlib
import re
import sys
import tempfile
import unittest

from command import REPO, as_json, hearth
from recorded import run_script

PAGE = (REPO / "docs/hostile-input.md").read_text()


def targets() -> set[str]:
    return {path.name.removesuffix("_fuzz.cc") for path in (REPO / "src").rglob("*_fuzz.cc")}


def fuzz_seeds():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("fuzz_seeds", str(REPO / "tools/fuzz-seeds"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz_seeds", loader))
    loader.exec_module(module)
    return module


def tests_in_sources() -> set[str]:
    """`Suite` and `Suite.Case` of GoogleTest and unittest."""
    found = set()
    for path in [*(REPO / "src").rglob("*_test.cc"), *(REPO / "tests").glob("*_test.cc")]:
        for match in re.finditer(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", path.read_text(), re.M):
            found |= {match[1], f"{match[1]}.{match[2]}"}
    for path in (REPO / "tests").glob("*_test.py"):
        suite = ""
        for match in re.finditer(r"^class (\w+)|^    def (test_\w+)", path.read_text(), re.M):
            suite = match[1] or suite
            found.add(f"{suite}.{match[2]}" if match[2] else suite)
    return found


def named_tests() -> list[str]:
    """What the tables' second columns name: `Suite`, `Suite.Case`, and `.Case` of the last suite."""
    names = []
    suite = ""
    for row in re.findall(r"^\|.*\|$", PAGE.split("## Fuzzing")[0], re.M):
        for name in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1]):
            if name.startswith("."):
                name = suite + name
            elif not re.search(r"^fuzz_|/|\.(cc|py)$", name):
                suite = name.split(".")[0]
            names.append(name)
    return names


class FuzzList(unittest.TestCase):
    def test_every_target_is_listed(self):
        listed = re.findall(r"^\| `(\w+)` \|", PAGE.split("## Fuzzing")[1], re.MULTILINE)
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(listed), targets())

    def test_what_the_page_names_exists(self):
        tests = tests_in_sources()
        files = {path.name for path in (REPO / "src").rglob("*_test.cc")}
        names = named_tests()
        self.assertGreater(len(names), 100)
        for name in names:
            with self.subTest(name):
                if name.startswith("fuzz_"):
                    self.assertIn(name.removeprefix("fuzz_"), targets())
                elif "/" in name:
                    self.assertTrue((REPO / name).exists() or (REPO / "src/hearth" / name).exists())
                elif name.endswith(".cc"):
                    self.assertIn(name, files)
                else:
                    self.assertTrue(name in tests, "no such test")


class Seeds(unittest.TestCase):
    def setUp(self):
        self.seeds = fuzz_seeds().seeds()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def checkpoint(self, seed: bytes) -> pathlib.Path:
        """A seed of fuzz_load as the target cuts it."""
        if seed.startswith(b"GGUF"):
            (self.path / "model.gguf").write_bytes(seed)
            return self.path / "model.gguf"
        config, weights = seed.split(b"\0", 1)
        (self.path / "config.json").write_bytes(config)
        (self.path / "model.safetensors").write_bytes(weights)
        return self.path

    def test_they_are_of_targets(self):
        self.assertLessEqual({name.removeprefix("fuzz_") for name in self.seeds}, targets())
        for name, inputs in self.seeds.items():
            self.assertGreater(len(inputs), 0, name)

    def test_networks_run(self):
        kinds, formats = set(), set()
        for seed in self.seeds["fuzz_load"]:
            path = self.checkpoint(seed)
            hearth("logits", "--model", str(path), "--prompt-ids", "1,2,3", "--out",
                   str(self.path / "logits.npy"))
            about = as_json("inspect", str(path))
            kinds.add((about["format"], about["architecture"]))
            formats |= {(about["format"], tensor["format"]) for tensor in about["tensors"]}
        names = {"llama", "qwen2", "qwen3", "deepseek_v2", "deepseek_v3"}
        self.assertEqual(kinds, {(file, name) for file in ("gguf", "safetensors") for name in names})
        self.assertEqual({name for file, name in formats if file == "gguf"},
                         {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"})
        self.assertEqual({name for file, name in formats if file == "safetensors"},
                         {"f32", "f16", "bf16", "f8_e4m3"})

    def test_vocabularies_read_texts(self):
        llama = next(seed for seed in self.seeds["fuzz_load"] if seed.startswith(b"{"))
        for seed in self.seeds["fuzz_tokenizer_json"]:
            self.assertEqual(seed[:1], b"\0")  # the target's mode: what follows is the file
            text, _, config = seed[1:].partition(b"\0")
            path = self.checkpoint(llama)
            (path / "tokenizer.json").write_bytes(text)
            (path / "tokenizer_config.json").write_bytes(config or b"{}")
            self.assert_reads_text(path)
        for seed in self.seeds["fuzz_gguf_vocabulary"]:
            self.assert_reads_text(self.checkpoint(seed))

    def assert_reads_text(self, path: pathlib.Path):
        ids = json.loads(hearth("tokenize", "--model", str(path), text="a cat").stdout)
        back = hearth("detokenize", "--model", str(path), "--ids", ",".join(map(str, ids))).stdout
        self.assertIn("a cat", back)

    def test_the_rest_of_json_is_json(self):
        for name in ("fuzz_json", "fuzz_hf_config", "fuzz_index", "fuzz_request", "fuzz_prices",
                     "fuzz_generation_config", "fuzz_endpoint"):
            for seed in self.seeds[name]:
                json.loads(seed)


if __name__ == "__main__":
    sys.exit(run_script("fuzz_list"))
