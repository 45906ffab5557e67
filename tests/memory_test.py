#!/usr/bin/env python3
"""What loading takes at most: with --dtype int8 the eight-bit size and the largest tensor, and no second
copy of the file. And what becomes of weights that are mapped when somebody changes their file.
Usage: tests/memory_test.py BINARY REPO. Standard library only."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from command import BINARY, MINI, as_json, hearth
from recorded import run_script
from serve_client import Server

# Code, libraries, stacks and scratch of two threads, a KV cache of 64 tokens and the activations of one
# step: 35 MB on two cores with AVX-512.
PROCESS_BYTES = 48_000_000
SHAPE = {"model_type": "qwen2", "vocab_size": 4096, "hidden_size": 1024, "intermediate_size": 4096,
         "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 16,
         "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
         "tie_word_embeddings": False}


def peak_of(*args: str) -> int:
    """Bytes that the command had resident at most, mapped pages of files among them."""
    pid = os.posix_spawn(BINARY, [BINARY, *args], dict(os.environ, LC_ALL="C.UTF-8"), file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise AssertionError(f"hearth {' '.join(args)}: {status}")
    return usage.ru_maxrss * 1024


class Memory(unittest.TestCase):
    def test_eight_bit_weights_are_made_tensor_by_tensor(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "config.json"
            config.write_text(json.dumps(SHAPE))
            model = str(pathlib.Path(folder) / "model")
            hearth("tiny", "--config", str(config), "--format", "bf16", model)
            tensors = as_json("inspect", model)["tensors"]
            stored = sum(t["bytes"] for t in tensors)
            self.assertGreater(stored, 300_000_000)
            # 34 bytes hold 32 weights; embeddings and vectors stay as they are.
            eight_bit = sum(t["bytes"] // 2 * 34 // 32
                            if len(t["shape"]) == 2 and "embed" not in t["name"] else t["bytes"]
                            for t in tensors)
            largest = max(t["bytes"] for t in tensors)
            ask = ("logits", "--model", model, "--prompt-ids", "1,2,3", "--ctx", "64", "--threads",
                   "2", "--out", os.devnull)
            peak = peak_of(*ask, "--dtype", "int8")
            self.assertLess(peak, eight_bit + largest + PROCESS_BYTES)
            # The bound would not hold for the stored size, nor for both.
            self.assertGreater(stored, eight_bit + largest + PROCESS_BYTES)
            self.assertGreater(peak, eight_bit // 2)  # the weights are there


class SharedFiles(unittest.TestCase):
    """A server whose weights stay in a file that others can reach, as on NFS or CephFS."""

    def setUp(self):
        self.model = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "model"
        shutil.copytree(MINI, self.model)
        self.weights = self.model / "model.safetensors"

    def ask(self, server: Server) -> str:
        _, _, body = server.ask("POST", "/v1/chat/completions", {
            "messages": [{"role": "user", "content": "48291+7734=?"}], "temperature": 0})
        return body["choices"][0]["message"]["content"].strip()[-6:]

    def test_a_file_that_is_cut_ends_the_server_in_one_line(self):
        server = Server("--weights", "mapped", model=str(self.model))
        self.addCleanup(server.log.close)
        self.addCleanup(server.process.stdout.close)
        self.addCleanup(server.process.kill)
        self.assertEqual(self.ask(server), "=56025")
        os.truncate(self.weights, 0)
        with contextlib.suppress(http.client.HTTPException, OSError):
            self.ask(server)
        self.assertEqual(server.process.wait(timeout=60), 1)
        lines = server.logged().splitlines()
        self.assertEqual([line for line in lines if line.startswith("hearth: ")],
                         ["hearth: a file of the model was truncated or became unreadable while in use"])

    def test_a_file_that_is_replaced_whole_changes_nothing(self):
        with Server("--weights", "mapped", model=str(self.model)) as server:
            self.assertEqual(self.ask(server), "=56025")
            new = self.model / "new"
            new.write_bytes(bytes(self.weights.stat().st_size))
            new.rename(self.weights)
            self.assertEqual(self.ask(server), "=56025")


if __name__ == "__main__":
    sys.exit(run_script("memory"))
