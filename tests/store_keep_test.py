#!/usr/bin/env python3
"""What the store keeps: a pull that was interrupted goes on, a flipped bit is found and mended, the
stores of other tools are read in place.
Usage: tests/store_keep_test.py BINARY REPO. Standard library only."""

import hashlib
import json
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

from command import BINARY, as_json, hearth
from hub_server import COMMIT, Repo, sha256
from recorded import run_script
from store_place import BLOCK, PULL, REF, WEIGHTS, StoreTest, mini_files


class Interrupted(StoreTest):
    def slow(self, seconds: float = 0.05):
        self.fault_on("model.safetensors",
                      lambda h: h.send_bytes(WEIGHTS, pause=lambda _: time.sleep(seconds)))

    def start(self, *args: str, **options) -> subprocess.Popen:
        process = subprocess.Popen([BINARY, *PULL, *args], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_bytes(self, process: subprocess.Popen, count: int):
        while not self.partial().exists() or self.partial().stat().st_size < count:
            self.assertIsNone(process.poll())
            time.sleep(0.01)

    def check_resumed(self, least: int):
        self.hub.fault = None
        self.hub.requests.clear()
        out = as_json(*PULL)
        ranges = [h["Range"] for p, h in self.hub.requests if p.endswith("model.safetensors")]
        self.assertEqual(len(ranges), 1)
        self.assertGreaterEqual(int(ranges[0].removeprefix("bytes=")[:-1]), least)
        self.assertLess(out["fetched"], out["bytes"])
        self.assertTrue(as_json("verify", REF)["ok"])
        self.check_works()

    def test_killed_and_resumed(self):
        self.slow()
        for count in (1_000_000, 2_000_000, 3_000_000):
            process = self.start()
            self.wait_for_bytes(process, count)
            process.kill()
            process.wait()
            self.assertFalse((self.place() / "manifest.json").exists())
        self.assertIn("not pulled to the end", hearth("ls").stderr)
        self.check_resumed(3_000_000)

    def test_ctrl_c(self):
        self.slow()
        process = self.start()
        self.wait_for_bytes(process, 1_000_000)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=5), 130)
        self.assertIn("it goes on", process.stderr.read())
        self.check_resumed(1_000_000)

    def test_bytes_that_rotted_meanwhile(self):
        """What an earlier run left is only as good as its checksum: begun again, once."""
        self.slow()
        process = self.start()
        self.wait_for_bytes(process, 1_000_000)
        process.kill()
        process.wait()
        with open(self.partial(), "r+b") as file:
            file.write(b"rotten")
        self.hub.fault = None
        self.assertIn("from the start again", hearth(*PULL).stderr)
        self.check_works()

    def test_two_at_once(self):
        self.slow()
        process = self.start()
        self.wait_for_bytes(process, 100_000)
        self.refused("another process", str(process.pid), code=1)
        self.refused("another process", args=("rm", REF), code=1)

    def test_a_full_disk(self):
        """A limit on the size of files stands for the disk: the bytes so far stay."""
        limit = 2 << 20
        process = self.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                   (limit, limit)))
        self.assertEqual(process.wait(timeout=60), 2)
        self.assertIn("it goes on where it stopped", process.stderr.read())
        self.check_resumed(limit // 2)

    def test_more_than_the_disk_holds(self):
        self.repo.extra = [{"rfilename": "model-x.safetensors", "size": 1 << 43, "blobId": "0" * 40,
                            "lfs": {"sha256": "0" * 64, "size": 1 << 43}}]
        self.refused("the disk has")
        self.assertEqual(self.hub.fetched(), [])

    def test_links_in_the_store(self):
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        self.files().parent.mkdir(parents=True)
        self.files().symlink_to(outside)
        self.refused("found a link")
        self.files().unlink()
        self.files().mkdir()
        self.partial().symlink_to(outside / "kept")
        self.refused("found a link")
        self.assertEqual((outside / "kept").read_text(), "kept")
        self.assertEqual([p.name for p in outside.iterdir()], ["kept"])


class Verify(StoreTest):
    def test_a_flipped_bit_is_found_and_mended(self):
        hearth(*PULL)
        weights = self.files() / "model.safetensors"
        data = bytearray(WEIGHTS)
        data[1_234_567] ^= 4
        weights.write_bytes(data)
        out = as_json("verify", REF, code=2)
        self.assertEqual([(d["path"], d["fault"]) for d in out["damages"]],
                         [("model.safetensors", "content")])
        out = as_json("verify", REF, "--repair")
        self.assertTrue(out["ok"] and out["repaired"])
        self.assertEqual(weights.read_bytes(), WEIGHTS)
        self.check_works()

    def test_only_the_broken_blocks_are_fetched(self):
        data = random.Random(1).randbytes(3 * BLOCK + 12345)
        self.hub.repos["acme/g"] = Repo({"g-Q4_0.gguf": data})
        ref = "hf://acme/g:Q4_0"
        path = pathlib.Path(as_json("pull", ref, "--accept-licence")["path"])
        for at in (BLOCK, 2 * BLOCK - 1, 3 * BLOCK + 7):  # two in one block, one in the last
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(bytes([data[at] ^ 0x80]))
        out = as_json("verify", ref, code=2)
        self.assertEqual(out["damages"][0]["ranges"], [[BLOCK, 2 * BLOCK], [3 * BLOCK, len(data)]])
        self.hub.requests.clear()
        self.assertTrue(as_json("verify", ref, "--repair")["repaired"])
        self.assertEqual([h.get("Range") for _, h in self.hub.requests],
                         [f"bytes={BLOCK}-{2 * BLOCK - 1}", f"bytes={3 * BLOCK}-{len(data) - 1}"])
        self.assertEqual(sha256(path.read_bytes()), sha256(data))

    def test_a_hub_that_has_other_bytes_mends_nothing(self):
        hearth(*PULL)
        weights = self.files() / "model.safetensors"
        broken = bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:]
        weights.write_bytes(broken)
        self.repo.files["model.safetensors"] = bytes(reversed(WEIGHTS))
        self.refused("the hub has other bytes", args=("verify", REF, "--repair"))
        self.assertEqual(weights.read_bytes(), broken)

    def test_missing_cut_and_replaced_files(self):
        hearth(*PULL)
        (self.files() / "tokenizer.json").unlink()
        (self.files() / "model.safetensors").write_bytes(WEIGHTS[:1000])
        (self.files() / "config.json").unlink()
        (self.files() / "config.json").symlink_to("/etc/passwd")
        self.assertIn("--repair", hearth("run", "--model", REF, "1+1=?", code=2).stderr)
        out = as_json("verify", REF, code=2)
        self.assertEqual({d["path"]: d["fault"] for d in out["damages"]},
                         {name: "missing" for name in
                          ("tokenizer.json", "model.safetensors", "config.json")})
        self.assertTrue(as_json("verify", REF, "--repair")["ok"])
        self.check_works()

    def test_a_manifest_that_was_tampered_with(self):
        hearth(*PULL)
        manifest = self.place() / "manifest.json"
        text = manifest.read_text()
        for a, b in (('"path": "config.json"', '"path": "../../../../etc/passwd"'),
                     ('"folder": "', '"folder": "../'), ('"hearth_store": 1', '"hearth_store": 9'),
                     (text[-200:], "")):
            manifest.write_text(text.replace(a, b))
            self.assertIn("manifest.json", hearth("verify", REF, code=2).stderr)
            self.assertIn("manifest.json", hearth("run", "--model", REF, "1+1=?", code=2).stderr)
            self.assertIn("manifest.json", hearth("ls").stderr)


class OtherTools(StoreTest):
    """Their files are read where they lie: nothing is copied, nothing of theirs is changed."""

    def setUp(self):
        super().setUp()
        self.gguf = self.folder / "tiny.gguf"
        hearth("tiny", "--arch", "qwen2", str(self.gguf))
        self.wanted = self.ids(str(self.gguf))
        self.bytes = self.gguf.read_bytes()

    def ids(self, model: str) -> list[int]:
        return as_json("generate", "--model", model, "--prompt", "hello", "--raw", "--temperature",
                       "0", "--max-tokens", "5")["output_ids"]

    def put(self, path: str, data: bytes):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def listed(self) -> dict[str, dict]:
        lines = hearth("ls", "--json").stdout.splitlines()
        return {m["name"]: m for m in map(json.loads, lines)}

    def check(self, name: str, source: str):
        model = self.listed()[name]
        self.assertEqual(model["source"], source)
        self.assertEqual(model["bytes"], len(self.bytes))
        self.assertEqual(self.ids(name), self.wanted)
        self.assertIn("belongs to", hearth("rm", name, code=2).stderr)
        self.assertIn(model["path"], hearth("show", name).stdout)
        self.assertFalse((self.folder / "hearth").exists())

    def test_ollama(self):
        digest = hashlib.sha256(self.bytes).hexdigest()
        self.put(f".ollama/models/blobs/sha256-{digest}", self.bytes)
        manifest = {"layers": [{"mediaType": "application/vnd.ollama.image.model",
                                "digest": f"sha256:{digest}", "size": len(self.bytes)}]}
        base = ".ollama/models/manifests/registry.ollama.ai/library"
        self.put(f"{base}/deepseek-r1/1.5b", json.dumps(manifest).encode())
        self.put(f"{base}/broken/latest", b"{")
        self.put(f"{base}/evil/latest", json.dumps(manifest).replace(
            digest, "../../../../etc/passwd").encode())
        self.assertEqual(list(self.listed()), ["ollama://deepseek-r1:1.5b"])
        self.check("ollama://deepseek-r1:1.5b", "Ollama")
        self.assertEqual(self.ids("deepseek-r1:1.5b"), self.wanted)
        out = as_json("verify", "ollama://deepseek-r1:1.5b")
        self.assertEqual((out["ok"], out["sha256"]), (True, digest))
        self.put(f".ollama/models/blobs/sha256-{digest}", self.bytes[:-1] + b"\x99")
        self.assertFalse(as_json("verify", "ollama://deepseek-r1:1.5b", code=2)["ok"])
        hearth("verify", "ollama://deepseek-r1:1.5b", "--repair", code=2)

    def test_lm_studio_and_llama_cpp(self):
        self.put(".lmstudio/models/acme/tiny-GGUF/tiny-Q8_0.gguf", self.bytes)
        self.put(".cache/llama.cpp/acme_tiny.gguf", self.bytes)
        self.check("lmstudio://acme/tiny-GGUF/tiny-Q8_0", "LM Studio")
        self.check("llamacpp://acme_tiny", "llama.cpp's cache")

    def test_the_cache_of_hugging_face(self):
        base = ".cache/huggingface/hub/models--acme--mini"
        for name, data in mini_files().items():
            self.put(f"{base}/blobs/{sha256(data)}", data)
            link = self.folder / base / "snapshots" / COMMIT / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../../blobs/{sha256(data)}")
        self.put(f"{base}/refs/main", COMMIT.encode())
        self.assertEqual(self.listed()[REF]["source"], "Hugging Face's cache")
        self.check_works()
        self.assertFalse((self.folder / "hearth").exists())
        out = as_json("verify", REF)
        self.assertEqual(out["files"], len(mini_files()))
        self.put(f"{base}/blobs/{sha256(WEIGHTS)}", WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
        out = as_json("verify", REF, code=2)
        self.assertEqual([d["path"] for d in out["damages"]], ["model.safetensors"])

    def test_gguf_in_the_cache_of_hugging_face(self):
        base = f".cache/huggingface/hub/models--acme--t-GGUF/snapshots/{COMMIT}"
        self.put(f"{base}/t-Q8_0.gguf", self.bytes)
        self.put(f"{base}/t-Q4_0.gguf", b"GGUF")
        self.put(f"{base}/../../refs/main", COMMIT.encode())
        self.check("hf://acme/t-GGUF:Q8_0", "Hugging Face's cache")
        self.assertIn("Q4_0", hearth("run", "--model", "hf://acme/t-GGUF", "x", code=2).stderr)


if __name__ == "__main__":
    sys.exit(run_script("store_keep"))
