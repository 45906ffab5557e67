#!/usr/bin/env python3
"""Plans of models that are elsewhere: `hearth plan --heads` reads the heads of their files, from a hub
and an S3 store on this machine, and foretells what it foretells of the whole files.
Usage: tests/store_heads_test.py BINARY REPO. Standard library only."""

import json
import os
import resource
import struct
import subprocess
import sys

from command import BINARY, MINI, REPO, as_json, hearth
from hub_server import Repo
from recorded import run_script
from s3_server import KEY, SECRET, S3Server
from store_place import REF, WEIGHTS, StoreTest, mini_files

FORETOLD = ("architecture", "parameters", "format", "weight_bytes", "kv_bytes", "activation_bytes",
            "peak_bytes", "bytes_per_token", "flops_per_token")
MEGABYTE = 1 << 20


def with_long_head(gguf: bytes, more: int) -> bytes:
    """The same file with a metadata value of about `more` bytes."""
    key = b"general.filler"
    room = 8 + len(key) + 4 + 8
    text = b"x" * (-(-(more + room) // 32) * 32 - room)  # the data stay where they are aligned
    value = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
    magic_version, tensors, values = struct.unpack("<8sQQ", gguf[:24])
    return struct.pack("<8sQQ", magic_version, tensors, values + 1) + value + gguf[24:]


class Heads(StoreTest):
    def setUp(self):
        super().setUp()
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        os.environ["TMPDIR"] = str(self.temporary)

    def tearDown(self):
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertFalse((self.folder / "hearth").exists())  # nothing is in the store

    def foretold(self, *model: str) -> dict:
        plan = as_json("plan", "--model", *model, "--ctx", "512", "--threads", "1")
        return {name: plan[name] for name in FORETOLD}

    def asked_for(self, requests, path: str) -> int:
        """How many bytes of a file were asked for."""
        ranges = [headers.get("Range", "") for asked, headers in requests
                  if asked.split("?")[0].endswith(path) or f"FilePath={path}" in asked]
        self.assertTrue(ranges and all(ranges), (path, ranges))
        return sum(1 + int(last) - int(first) for first, last in
                   (r.removeprefix("bytes=").split("-") for r in ranges))

    def gguf(self) -> bytes:
        out = self.folder / "mini.gguf"
        hearth("quantize", MINI, str(out), "--format", "q8_0")
        return out.read_bytes()

    def test_of_a_directory_at_a_hub(self):
        self.assertEqual(self.foretold(REF, "--heads"), self.foretold(MINI))
        self.assertEqual(self.asked_for(self.hub.requests, "model.safetensors"), MEGABYTE)
        self.assertNotIn("tokenizer.json", self.hub.fetched())
        said = hearth("plan", "--model", REF, "--heads", "--ctx", "512").stderr
        self.assertRegex(said, r"^hf://acme/mini: 1\.\d MB read of 0\.0\d GB\n")

    def test_of_gguf_files(self):
        short = self.gguf()
        path = self.folder / "long.gguf"
        path.write_bytes(with_long_head(short, 5 * MEGABYTE))
        self.hub.repos["acme/g"] = Repo({"R1-Q8_0.gguf": short, "R1-Q4_0.gguf": path.read_bytes()})
        right = self.foretold(str(self.folder / "mini.gguf"))
        self.assertEqual(self.foretold("hf://acme/g:Q8_0", "--heads"), right)
        self.assertEqual(self.asked_for(self.hub.requests, "R1-Q8_0.gguf"), MEGABYTE)
        self.assertEqual(self.foretold(str(path)), right)
        self.assertEqual(self.foretold("hf://acme/g:Q4_0", "--heads"), right)
        self.assertEqual(self.asked_for(self.hub.requests, "R1-Q4_0.gguf"),
                         min(8 * MEGABYTE, path.stat().st_size))
        wrong = self.refused("Q4_0", "Q8_0", args=("plan", "--model", "hf://acme/g", "--heads"))
        self.assertIn("hf://acme/g:LABEL", wrong)

    def test_of_a_gguf_in_parts(self):
        parts = {p.name: p.read_bytes() for p in (REPO / "tests/golden/gguf").glob("llama_split_bf16-*")}
        self.assertEqual(len(parts), 3)
        self.hub.repos["acme/p"] = Repo(parts)
        right = self.foretold(str(REPO / "tests/golden/gguf" / min(parts)))
        self.assertEqual(self.foretold("hf://acme/p", "--heads"), right)

    def test_at_modelscope(self):
        os.environ["MODELSCOPE_ENDPOINT"] = self.hub.url
        self.assertEqual(self.foretold("modelscope://acme/mini", "--heads"), self.foretold(MINI))
        self.assertEqual(self.asked_for(self.hub.requests, "model.safetensors"), MEGABYTE)

    def test_of_an_s3_store(self):
        s3 = S3Server()
        self.addCleanup(s3.close)
        os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": s3.region}
        s3.objects = {f"team/mini/{path}": data for path, data in mini_files().items()}
        at = ("s3://models/team/mini", "--heads", "--s3-endpoint", s3.url)
        self.assertEqual(self.foretold(*at), self.foretold(MINI))
        self.assertEqual(self.asked_for(s3.requests, "model.safetensors"), MEGABYTE)

    def test_of_shards_with_a_long_index(self):
        shards = {p.name: p.read_bytes() for p in (REPO / "tests/golden/qwen2_sharded").iterdir()}
        right = self.foretold(str(REPO / "tests/golden/qwen2_sharded"))
        index = shards["model.safetensors.index.json"]
        shards["model.safetensors.index.json"] = index + b" " * (9 * MEGABYTE)  # R1's is so long
        self.hub.repos["acme/s"] = Repo(shards)
        self.assertEqual(self.foretold("hf://acme/s", "--heads"), right)

    def test_heads_of_odd_lengths(self):
        files = mini_files()
        weights = files["model.safetensors"]
        length = struct.unpack("<Q", weights[:8])[0]
        odd = struct.pack("<Q", length + 3) + weights[8 : 8 + length] + b"   " + weights[8 + length :]
        self.hub.repos["acme/mini"] = Repo(files | {"model.safetensors": odd})
        self.assertEqual(self.foretold(REF, "--heads"), self.foretold(MINI))

    def test_schemes_that_describe_themselves_in_tensors(self):
        files = mini_files()
        config = json.loads(files["config.json"]) | {"quantization_config": {"quant_method": "awq"}}
        self.hub.repos["acme/mini"] = Repo(files | {"config.json": json.dumps(config).encode()})
        self.refused("fp8", args=("plan", "--model", REF, "--heads"))

    def test_what_lies_is_refused_in_a_line(self):
        files = mini_files()
        heads = {"hundreds of gigabytes": struct.pack("<Q", 1 << 39), "cut": b"\x01\x02",
                 "no JSON": struct.pack("<Q", 64) + b"?" * 64}
        for why, head in heads.items():
            with self.subTest(why):
                self.hub.repos["acme/mini"] = Repo(files | {"model.safetensors": head})
                self.refused("model.safetensors", args=("plan", "--model", REF, "--heads"))
        self.hub.repos["acme/mini"] = Repo({"config.json": b"{}", "x.gguf": b"GGUF" + bytes(5000)})
        self.refused(args=("plan", "--model", REF, "--heads"))
        self.refused("404", args=("plan", "--model", "hf://acme/none", "--heads"))
        self.refused("--model", args=("plan", "--heads"))

    def test_files_may_not_be_so_large(self):
        """A limit on the size of files stands for a folder of temporary files that is full."""
        limit = 2 * MEGABYTE
        run = subprocess.run([BINARY, "plan", "--model", REF, "--heads"], capture_output=True, text=True,
                             check=False, preexec_fn=lambda: resource.setrlimit(
                                 resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn(f"{self.temporary}/", run.stderr)
        self.assertNotIn("pull", run.stderr)

    def test_a_server_that_knows_no_ranges(self):
        def whole(handler) -> bool:
            if not handler.path.endswith("model.safetensors"):
                return False
            handler.send_bytes(WEIGHTS, ranges=False)
            return True
        self.hub.fault = whole
        self.assertEqual(self.foretold(REF, "--heads"), self.foretold(MINI))

    def test_a_server_that_lies_about_ranges(self):
        def lie(handler) -> bool:
            if not handler.path.endswith("model.safetensors"):
                return False
            handler.send_response(206)
            handler.send_header("Content-Range", "bytes 100-199/7000000")
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(bytes(100))
            return True
        self.hub.fault = lie
        self.refused("range", args=("plan", "--model", REF, "--heads", "--retries", "0"))


if __name__ == "__main__":
    sys.exit(run_script("store_heads"))
