#!/usr/bin/env python3
"""Wrong paths, broken files, wrong flags, for every command: one clear line, exit code 2.
Usage: tests/bad_input_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import resource
import struct
import sys
import tempfile
import unittest

from command import MINI, REPO, hearth
from recorded import run_script


class BadInput(unittest.TestCase):
    """One line that says where, what was expected, what was found; exit code 2; nothing else."""

    def one_line(self, *args: str, says: str):
        run = hearth(*args, code=2)
        self.assertEqual(run.stdout, "")
        self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
        self.assertIn(says, run.stderr)

    def model_copy(self, folder: str) -> pathlib.Path:
        copy = pathlib.Path(folder) / "model"
        copy.mkdir()
        for name in os.listdir(MINI):
            (copy / name).write_bytes((pathlib.Path(MINI) / name).read_bytes())
        return copy

    def test_wrong_path(self):
        self.one_line("run", "/no/such/model", "hi", says="hearth run: /no/such/model")
        self.one_line("audit", "verify", "/no/log", says="hearth audit verify: ")

    def test_wrong_adapters(self):
        self.one_line("run", "--adapter", "/no/such/adapter", "hi", says="/no/such/adapter")
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "adapter_config.json"
            (pathlib.Path(folder) / "adapter_model.safetensors").write_bytes(b"x")
            for text, says in (("{", "adapter_config.json"), ('{"peft_type": "IA3"}', "`LORA`"),
                               ('{"peft_type": "LORA", "use_dora": true}', "`use_dora`"),
                               ('{"peft_type": "LORA"}', "adapter_model.safetensors")):
                config.write_text(text)
                self.one_line("generate", "--model", MINI, "--prompt", "hi", "--adapter", folder,
                              says=says)

    def test_wrong_device(self):
        self.one_line("run", "--device", "gpu", "hi", says="expected auto, cpu, cuda or reference")
        # In a build without CUDA; in one with it, on a machine without a GPU.
        self.one_line("run", "--device", "cuda", "hi", says="")

    def test_truncated_file(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            weights = copy / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-100])
            self.one_line("run", str(copy), "hi", says="model.safetensors")

    def test_lfs_pointer(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            (copy / "model.safetensors").write_text(
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            self.one_line("run", str(copy), "hi", says="LFS")

    def test_missing_shard(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            (copy / "model.safetensors").unlink()
            index = {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}
            (copy / "model.safetensors.index.json").write_text(json.dumps(index))
            self.one_line("run", str(copy), "hi", says="model-00001-of-00002.safetensors")

    def test_unknown_architecture(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            config = json.loads((copy / "config.json").read_text())
            config["model_type"] = "mamba"
            (copy / "config.json").write_text(json.dumps(config))
            self.one_line("run", str(copy), "hi", says="mamba")

    def test_unknown_quantisation(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            config = json.loads((copy / "config.json").read_text())
            config["quantization_config"] = {"quant_method": "aqlm"}
            (copy / "config.json").write_text(json.dumps(config))
            for command in (("run", "--model", str(copy), "hi"),
                            ("plan", "--model", str(copy)),
                            ("quantize", str(copy), folder + "/x.gguf", "--format", "q4_0")):
                self.one_line(*command, says="hearth quantize ORIGINAL/ NAME.gguf")

    def test_a_checkpoint_without_tokenizer(self):
        self.one_line("run", "--model", str(REPO / "tests/golden/qwen2"), "hi",
                      says="tokenizer.json")

    def test_every_command_refuses_a_wrong_path(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in ("/no/such/model", folder, "/dev/null", str(REPO / "README.md")):
                for args in (("run", "--model", path, "hi"),
                             ("generate", "--model", path, "--prompt", "hi"),
                             ("logits", "--model", path, "--prompt-ids", "1", "--out", "/dev/null"),
                             ("tokenize", "--model", path, "--file", str(REPO / "README.md")),
                             ("detokenize", "--model", path, "--ids", "1"),
                             ("render", "--model", path, "--chat", str(REPO / "README.md")),
                             ("inspect", path), ("plan", "--model", path),
                             ("eval", "arithmetic", "--model", path),
                             ("perplexity", "--model", path, "--file", str(REPO / "README.md"))):
                    with self.subTest(args=args):
                        self.one_line(*args, says=path)

    def test_weights_that_are_no_weights(self):
        cases = {"empty": (b"", "0 bytes"), "pickle": (b"\x80\x02}q\x00." * 9, "safetensors"),
                 "zip": (b"PK\x03\x04" + bytes(99), "zip"),
                 "header of 4 GB": (struct.pack("<Q", 1 << 32) + bytes(99), "header"),
                 "html": (b"<!DOCTYPE html><html>" * 9, "safetensors")}
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            for name, (data, says) in cases.items():
                (copy / "model.safetensors").write_bytes(data)
                with self.subTest(name):
                    self.one_line("run", str(copy), "hi", says="model.safetensors")
                    self.one_line("inspect", str(copy), says=says)
            (copy / "model.safetensors").unlink()
            self.one_line("run", str(copy), "hi", says="model.safetensors")
            (copy / "pytorch_model.bin").write_bytes(b"PK")
            self.one_line("run", str(copy), "hi", says="pytorch_model.bin")

    def test_truncated_gguf(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.gguf"
            hearth("tiny", "--arch", "deepseek_v3", str(path))
            whole = path.read_bytes()
            for size in (0, 3, 4, 30, len(whole) // 2, len(whole) - 1):
                path.write_bytes(whole[:size])
                with self.subTest(size=size):
                    self.one_line("run", str(path), "hi", says="model.gguf")
            path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            self.one_line("run", str(path), "hi", says="LFS")

    def test_broken_files_beside_the_weights(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            for name in ("config.json", "tokenizer.json", "tokenizer_config.json",
                         "generation_config.json"):
                right = (copy / name).read_bytes()
                lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
                for wrong in (b"", b"{", b"[]", b"[" * 100_000, right[:-9], b"\xff\xfe{}", lfs):
                    (copy / name).write_bytes(wrong)
                    with self.subTest(name, wrong=wrong[:20]):
                        self.one_line("run", str(copy), "hi", says=name)
                (copy / name).write_bytes(right)
            hearth("run", str(copy), "1+1=?", "--max-tokens", "1")

    def test_tokenizer_files_of_two_gigabytes(self):
        """Sparse files that claim 2^31 bytes: refused by their size, before a byte is read."""
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            for name in ("tokenizer.json", "tokenizer_config.json", "config.json",
                         "generation_config.json"):
                right = (copy / name).read_bytes()
                os.truncate(copy / name, 1 << 31)
                with self.subTest(name):
                    self.one_line("run", str(copy), "hi", says=name)
                (copy / name).write_bytes(right)
            self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 1 << 20)

    def test_ids_out_of_range(self):
        for ids in ("-1", "100000", "2147483648", "99999999999999999999", "1,,2", "x", ""):
            with self.subTest(ids):
                self.one_line("generate", "--model", MINI, f"--prompt-ids={ids}", says="")
                self.one_line("logits", "--model", MINI, f"--prompt-ids={ids}", "--out", "/dev/null",
                              says="")

    def test_bad_flags(self):
        self.one_line("run", "--temperature", "-1", says="hearth run: --temperature: ")
        self.one_line("run", "--no-such-flag", says="see hearth run --help")
        self.one_line("serve", "--port", "x\ny", says="hearth serve: --port: ")
        self.one_line("audit", "verify", says="see hearth audit verify --help")
        self.one_line("frobnicate", says="see hearth --help")
        self.one_line(says="see hearth --help")


if __name__ == "__main__":
    sys.exit(run_script("bad_input"))
