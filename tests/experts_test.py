#!/usr/bin/env python3
"""A model that is larger than the memory it may take: the same tokens, from experts on disk and from
mapped weights, within the memory that the plan foretells; what is said of it; and what fails clearly.
Usage: tests/experts_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, MINI, REPO, as_json, hearth
from serve_client import Server

# 150 MB of routed experts in q8_0, and little else.
CONFIG = {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
          "hidden_size": 512, "intermediate_size": 512, "moe_intermediate_size": 1024,
          "num_hidden_layers": 4, "first_k_dense_replace": 1, "n_routed_experts": 32,
          "num_experts_per_tok": 4, "n_shared_experts": 1, "n_group": 4, "topk_group": 2,
          "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 256,
          "kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32, "v_head_dim": 64,
          "max_position_embeddings": 4096, "moe_layer_freq": 1, "routed_scaling_factor": 2.5,
          "norm_topk_prob": True, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
          "rope_theta": 10000, "rope_scaling": None, "rms_norm_eps": 1e-6, "hidden_act": "silu",
          "tie_word_embeddings": False, "attention_bias": False, "bos_token_id": 0,
          "eos_token_id": 1, "num_nextn_predict_layers": 0}
PROMPT = ["--prompt-ids", ",".join(str(3 + i * 7 % 200) for i in range(40)), "--temperature", "0",
          "--max-tokens", "12", "--ctx", "256", "--threads", "2"]
BESIDE = 60 << 20  # of the process itself: the binary, its libraries, threads, the tokenizer


def measured(*args: str) -> tuple[dict, int]:
    """The answer, and the peak of the process's resident memory in bytes."""
    script = ("import resource, subprocess, sys\n"
              "r = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)\n"
              "sys.stdout.buffer.write(r.stdout)\n"
              "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n")
    run = subprocess.run([sys.executable, "-c", script, BINARY, *args, "--json"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=True)
    answer, peak = run.stdout.strip().split("\n")
    return json.loads(answer), int(peak)


class LargerThanMemory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(cls.folder.name, "config.json")
        vocabulary = json.loads((REPO / "assets/mini/config.json").read_text())["vocab_size"]
        config.write_text(json.dumps({**CONFIG, "vocab_size": vocabulary}))
        cls.model = os.path.join(cls.folder.name, "moe.gguf")
        hearth("tiny", "--config", str(config), "--format", "q8_0", cls.model)
        cls.resident = as_json("generate", "--model", cls.model, *PROMPT)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_answers_within_a_stated_memory(self):
        """A limit that the model exceeds by far, an automatic cache: the same tokens, and no more
        memory than was foretold."""
        whole = as_json("plan", "--model", self.model, "--ctx", "256", "--draft", "off")
        self.assertIsNone(whole["experts_on_disk"])
        limit = whole["peak_bytes"] // 2
        plan = as_json("plan", "--model", self.model, "--ctx", "256", "--draft", "off",
                       "--memory", str(limit))
        self.assertTrue(plan["fits"])
        self.assertLessEqual(plan["peak_bytes"], limit)
        experts = plan["experts_on_disk"]
        self.assertEqual(experts["count"], 3 * 32)
        self.assertGreaterEqual(experts["cache_bytes"], experts["cache_bytes_least"])
        self.assertTrue(0 < experts["miss_rate"] < 1)
        self.assertGreater(plan["tok_s"], 0)
        out, peak = measured("generate", "--model", self.model, *PROMPT, "--draft", "off",
                             "--memory", str(limit))
        self.assertEqual(out["output_ids"], self.resident["output_ids"])
        self.assertLessEqual(peak, plan["peak_bytes"] + BESIDE)
        self.assertLess(peak, whole["peak_bytes"])  # less than the weights alone would take
        cache = out["expert_cache"]
        self.assertEqual(cache["cache_bytes"], experts["cache_bytes"])
        self.assertGreater(cache["bytes_read"], 0)

    def test_a_cache_of_a_given_size(self):
        least = as_json("plan", "--model", self.model, "--ctx", "256", "--draft", "off",
                        "--expert-memory", "64MiB")["experts_on_disk"]["cache_bytes_least"]
        for size in (least, 4 * least):
            out = as_json("generate", "--model", self.model, *PROMPT, "--expert-memory", str(size))
            self.assertEqual(out["output_ids"], self.resident["output_ids"])
            self.assertEqual(out["expert_cache"]["cache_bytes"], size)
        refused = hearth("generate", "--model", self.model, *PROMPT, "--expert-memory",
                         str(least // 2), code=2)
        self.assertIn("--expert-memory: expected at least", refused.stderr)
        self.assertEqual(len(refused.stderr.strip().split("\n")), 1)

    def test_mapped_weights(self):
        out = as_json("generate", "--model", self.model, *PROMPT, "--weights", "mapped")
        self.assertEqual(out["output_ids"], self.resident["output_ids"])

    def test_the_bundled_model(self):
        """As stored, and quantised: one by one, through a cache of the least size."""
        for name in (None, "q8_0", "q4_k_m"):
            model = MINI
            if name:
                model = os.path.join(self.folder.name, name + ".gguf")
                hearth("quantize", MINI, model, "--format", name)
            ask = ["generate", "--model", model, "--prompt", "37*48=?", "--seed", "3",
                   "--max-tokens", "60", "--ctx", "512"]
            expected = as_json(*ask)["output_ids"]
            least = as_json("plan", "--model", model, "--ctx", "512", "--expert-memory", "1GiB")
            size = str(least["experts_on_disk"]["cache_bytes_least"])
            for flags in (["--expert-memory", size], ["--weights", "mapped"],
                          ["--expert-memory", size, "--weights", "mapped", "--threads", "2"]):
                self.assertEqual(as_json(*ask, *flags)["output_ids"], expected, (name, flags))

    def test_a_server(self):
        """Its budget, its counters; and a file that changes under way fails the answers that need
        it with a reason, and leaves the server alive."""
        model = os.path.join(self.folder.name, "served.gguf")
        pathlib.Path(model).write_bytes(pathlib.Path(self.model).read_bytes())
        with Server("--expert-memory", "32MiB", "--ctx", "256", model=model) as server:
            self.assertEqual(server.announced["memory"]["expert_cache_bytes"], 32 << 20)
            body = {"prompt": "hello", "max_tokens": 5}
            status, _, _ = server.ask("POST", "/v1/completions", body)
            self.assertEqual(status, 200)
            metrics = server.ask("GET", "/metrics")[2]
            for name in ("hits", "misses", "read_bytes", "wait_seconds"):
                value = re.search(rf"^hearth_expert_cache_{name}_total{{[^}}]*}} (\S+)$", metrics, re.M)
                self.assertIsNotNone(value, name)
            held = re.search(r"^hearth_expert_cache_bytes{[^}]*} (\S+)$", metrics, re.M)
            self.assertLessEqual(float(held[1]), 32 << 20)
            with open(model, "ab") as file:
                file.write(b"more")
            status, _, reply = server.ask("POST", "/v1/completions", body | {"prompt": "other"})
            self.assertEqual(status, 500)
            self.assertIn("changed while in use", json.dumps(reply))
            self.assertEqual(server.ask("GET", "/health")[0], 200)

    def test_what_has_no_experts_on_disk(self):
        with tempfile.TemporaryDirectory() as folder:
            dense = os.path.join(folder, "dense.gguf")
            hearth("tiny", "--arch", "qwen2", dense)
            refused = hearth("generate", "--model", dense, "--prompt", "hi", "--raw",
                             "--expert-memory", "1GiB", code=2)
            self.assertIn("expected a model with routed experts", refused.stderr)
            refused = hearth("generate", "--model", dense, "--prompt", "hi", "--raw",
                             "--memory", "1MiB", code=2)
            self.assertIn("are available", refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
