#!/usr/bin/env python3
"""What loading takes at most: with --dtype int8 the eight-bit size and the largest tensor, and no second
copy of the file. Usage: tests/memory_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

from command import BINARY, as_json, hearth
from recorded import run_script

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


if __name__ == "__main__":
    sys.exit(run_script("memory"))
