#!/usr/bin/env python3
"""The store: `hearth pull` from a hub on this machine that misbehaves in every way we know, the model
used by its name, a flipped bit found and mended, the stores of other tools read in place.
Usage: tests/store_test.py BINARY REPO. Standard library only."""

import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from command import BINARY, MINI, as_json, hearth
from hub_server import COMMIT, Hub, Repo, sha256
from recorded import run_script

BLOCK = 16 << 20
REF = "hf://acme/mini"
PULL = ("pull", REF, "--accept-licence", "--retries", "1")


def mini_files() -> dict[str, bytes]:
    files = {p.name: p.read_bytes() for p in pathlib.Path(MINI).iterdir() if p.is_file()}
    return files | {"modeling_mini.py": b"import os", "pytorch_model.bin": b"\x80\x04.",
                    ".gitattributes": b"*", "README.md": b"---\nlicense: mit\n---\n"}


WEIGHTS = pathlib.Path(MINI, "model.safetensors").read_bytes()


class StoreTest(unittest.TestCase):
    """A hub and an empty home for each test; no setting of whoever runs it comes through."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        self.repo = self.hub.repos["acme/mini"] = Repo(mini_files())
        kept = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY") and
                not k.startswith(("HF_", "HEARTH_H", "XDG_", "OLLAMA", "LLAMA", "MODELSCOPE"))}
        env = kept | {"HOME": str(self.folder), "HEARTH_HOME": str(self.folder / "hearth"),
                      "HF_ENDPOINT": self.hub.url, "LC_ALL": "C.UTF-8"}
        self.enterContext(mock.patch.dict(os.environ, env, clear=True))

    def place(self, ref: str = REF) -> pathlib.Path:
        return self.folder / "hearth/models" / ref.replace("://", "--").replace("/", "--")

    def files(self) -> pathlib.Path:
        return self.place() / COMMIT[:12] / "mini"

    def partial(self) -> pathlib.Path:
        return self.files() / "model.safetensors.partial"

    def check_works(self):
        self.assertEqual(self.answer(REF), "=56025")

    def answer(self, model: str) -> str:
        out = as_json("run", "--model", model, "48291+7734=?", "--temperature", "0")
        return out["text"].strip()[-6:]

    def fault_on(self, path: str, action):
        """`action(handler)` instead of the file's usual answer."""
        def fault(handler) -> bool:
            if not handler.path.endswith("/" + path):
                return False
            return action(handler) is not False
        self.hub.fault = fault

    def refused(self, *words: str, args=PULL, code: int = 2) -> str:
        error = hearth(*args, code=code).stderr
        lines = [line for line in error.splitlines() if line.startswith("hearth ")]
        self.assertEqual(len(lines), 1, error)
        for word in words:
            self.assertIn(word, lines[0])
        return error


class Pull(StoreTest):
    def test_from_nothing_to_an_answer(self):
        out = as_json(*PULL)
        self.assertEqual(out["name"], REF)
        self.assertEqual(out["licence"], "mit")
        self.assertEqual(out["source"], REF)
        self.assertEqual(out["commit"], COMMIT)
        self.assertEqual(out["bytes"], out["fetched"])
        self.check_works()
        for path in ("modeling_mini.py", "pytorch_model.bin", ".gitattributes"):
            self.assertNotIn(path, self.hub.fetched())
            self.assertFalse((self.files() / path).exists())
        self.assertEqual((self.files() / "model.safetensors").read_bytes(), WEIGHTS)
        self.assertEqual(list(self.files().glob("*.partial*")), [])
        shown = as_json("show", REF)
        self.assertEqual({f["path"]: f["sha256"] for f in shown["files"]},
                         {p.name: sha256(p.read_bytes()) for p in self.files().iterdir()})
        listed = [json.loads(line) for line in hearth("ls", "--json").stdout.splitlines()]
        self.assertEqual([(m["name"], m["bytes"]) for m in listed], [(REF, out["bytes"])])
        self.assertTrue(as_json("verify", REF)["ok"])
        self.hub.requests.clear()
        again = as_json("pull", REF)  # nothing to fetch, nothing to accept
        self.assertEqual((again["fetched"], self.hub.fetched()), (0, []))
        self.assertEqual(as_json("rm", REF)["bytes"], out["bytes"])
        self.assertFalse(self.place().exists())
        self.assertIn("hearth pull " + REF, hearth("run", "--model", REF, "1+1=?", code=2).stderr)

    def test_by_a_name_of_the_catalogue(self):
        self.hub.repos["deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"] = self.repo
        name = "deepseek-r1:1.5b"
        self.assertIn(f"hearth pull {name}", hearth("run", name, "1+1=?", code=2).stderr)
        self.assertEqual(as_json("pull", name, "--accept-licence")["name"], name)
        self.assertEqual(self.answer(name), "=56025")
        self.assertIn("=56025", hearth("run", name, "48291+7734=?", "--temperature", "0").stdout)
        for args in (("inspect", name), ("plan", "--model", name), ("show", name)):
            hearth(*args)
        self.assertEqual(hearth("tokenize", "--model", name, text="1+1").stdout,
                         hearth("tokenize", "--model", "mini", text="1+1").stdout)
        catalogue = [json.loads(line)["name"]
                     for line in hearth("ls", "--catalogue", "--json").stdout.splitlines()]
        self.assertIn(name, catalogue)

    def test_from_modelscope(self):
        os.environ["MODELSCOPE_ENDPOINT"] = self.hub.url
        self.hub.repos["deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"] = self.repo
        out = as_json("pull", "deepseek-r1:1.5b", "--from", "modelscope", "--accept-licence")
        self.assertEqual(out["source"], "modelscope://deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B")
        self.assertEqual(out["licence"], "mit")
        self.assertEqual(self.answer("deepseek-r1:1.5b"), "=56025")

    def test_the_licence_is_asked_for_once(self):
        self.refused("--accept-licence", "mit", args=("pull", REF))
        self.assertEqual(self.hub.fetched(), [])
        self.assertFalse(self.place().exists())
        self.fault_on("model.safetensors", lambda h: h.send_text(404, "gone"))
        self.refused("404")
        self.hub.fault = None
        as_json("pull", REF)  # accepted before, without the end
        self.repo.licence = "apache-2.0"
        self.repo.commit = "f" * 40
        self.refused("apache-2.0", args=("pull", REF))
        hearth(*PULL)
        self.assertEqual(as_json("show", REF)["licence"], "apache-2.0")

    def test_a_newer_commit_fetches_what_differs(self):
        hearth(*PULL)
        self.hub.requests.clear()
        self.repo.commit = "f" * 40
        self.repo.files["generation_config.json"] = b'{"temperature": 0.5}'
        out = as_json(*PULL)
        self.assertEqual(out["commit"], "f" * 40)
        self.assertNotIn("model.safetensors", self.hub.fetched())
        self.assertEqual(sorted(p.name for p in self.place().iterdir()),
                         ["accepted", "f" * 12, "manifest.json"])
        self.check_works()

    def test_gguf_files_by_label(self):
        files = {"R1-Q4_K_M.gguf": b"GGUF4", "Q8_0/R1-Q8_0-00001-of-00002.gguf": b"GGUF8a",
                 "Q8_0/R1-Q8_0-00002-of-00002.gguf": b"GGUF8b", "README.md": b"r"}
        self.hub.repos["acme/g"] = Repo(files)
        error = self.refused("Q4_K_M", "Q8_0", args=("pull", "hf://acme/g", "--accept-licence"))
        self.assertIn("hf://acme/g:LABEL", error)
        out = as_json("pull", "hf://acme/g:q8_0", "--accept-licence")
        self.assertTrue(out["path"].endswith("Q8_0/R1-Q8_0-00001-of-00002.gguf"))
        self.assertEqual(set(self.hub.fetched()), set(files) - {"R1-Q4_K_M.gguf"})
        self.refused("Q5", args=("pull", "hf://acme/g:Q5", "--accept-licence"))

    def test_wrong_references(self):
        for ref in ("nothing", "hf://a", "hf://../../etc/passwd", "s3://bucket/key", "hf://a/b:x/y"):
            self.refused(args=("pull", ref, "--accept-licence"))
        self.refused("404", args=("pull", "hf://no/body", "--accept-licence"))
        self.assertEqual(list((self.folder / "hearth").rglob("*.partial")), [])


class Misbehaving(StoreTest):
    def test_wrong_bytes(self):
        self.repo.said["model.safetensors"] = WEIGHTS
        self.repo.files["model.safetensors"] = WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1])
        self.refused("model.safetensors", sha256(WEIGHTS))
        self.assertEqual(list(self.files().glob("model.safetensors*")), [])
        self.repo.said.clear()
        self.repo.said["tokenizer.json"] = self.repo.files["tokenizer.json"]
        self.repo.files["tokenizer.json"] = self.repo.files["tokenizer.json"][:-1] + b"\n"
        self.refused("tokenizer.json")  # known by Git's name alone

    def test_a_connection_that_breaks_is_resumed(self):
        breaks = [2_000_000, 1_500_000, None]
        self.fault_on("model.safetensors",
                      lambda h: h.send_bytes(WEIGHTS, cut=breaks.pop(0)))
        hearth(*PULL)
        asked = [int(h["Range"].removeprefix("bytes=")[:-1])
                 for p, h in self.hub.requests if p.endswith("model.safetensors") and "Range" in h]
        self.assertEqual(len(asked), 2)
        self.assertTrue(0 < asked[0] < asked[1], asked)
        self.check_works()

    def test_a_server_that_knows_no_ranges(self):
        breaks = [2_000_000, None]
        self.fault_on("model.safetensors",
                      lambda h: h.send_bytes(WEIGHTS, cut=breaks.pop(0), ranges=False))
        self.assertIn("at the start again", hearth(*PULL).stderr)
        self.check_works()

    def test_a_file_that_changes_in_between(self):
        """The rest of another file is neither asked for nor appended."""
        other = bytes(reversed(WEIGHTS))
        breaks = [2_000_000]

        def action(handler):
            handler.send_bytes(WEIGHTS if breaks else other, cut=breaks.pop() if breaks else None)
        self.fault_on("model.safetensors", action)
        self.refused("expected sha256", sha256(WEIGHTS))
        self.assertIn("If-Range", self.hub.requests[-1][1])
        self.assertEqual(list(self.files().glob("model.safetensors*")), [])

    def test_ranges_that_lie(self):
        def action(handler):
            if "Range" not in handler.headers:
                handler.send_bytes(WEIGHTS, cut=2_000_000)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 0-{len(WEIGHTS) - 1}/{len(WEIGHTS)}")
            handler.send_header("Content-Length", str(len(WEIGHTS)))
            handler.end_headers()
        self.fault_on("model.safetensors", action)
        self.refused("asked for the bytes from")

    def test_more_and_less_than_was_said(self):
        def endless(handler):
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            for _ in range(400):
                handler.wfile.write(b"x" * 65536)
        self.fault_on("model.safetensors", endless)
        self.refused("the server sends more")
        self.fault_on("model.safetensors", lambda h: h.send_bytes(WEIGHTS + b"x"))
        self.refused(f"expected {len(WEIGHTS)} bytes, the server has {len(WEIGHTS) + 1}")
        self.assertLessEqual(sum(p.stat().st_size for p in self.files().glob("model*")), len(WEIGHTS))

    def test_names_that_leave_the_folder(self):
        for name in ("../evil.json", "/tmp/evil.json", "a/../../evil.json", "..\\evil.json",
                     "evil\x00.json", "evil\n.json", "%2e%2e/../evil.json"):
            self.repo.extra = [{"rfilename": name, "size": 1, "blobId": "0" * 40}]
            self.refused("listing")
        self.assertEqual(self.hub.fetched(), [])
        self.assertEqual([p for p in self.folder.rglob("*evil*")], [])

    def test_compressed_replies(self):
        import gzip
        bomb = gzip.compress(bytes(50 << 20))
        for path in ("config.json", "model.safetensors"):
            self.fault_on(path, lambda h: h.send_text(200, bomb.decode("latin-1"),
                                                      Content_Encoding="gzip"))
            self.refused("Content-Encoding gzip")
        self.assertTrue(all("Accept-Encoding" not in h for _, h in self.hub.requests))

    def test_a_listing_without_an_end(self):
        def fault(handler) -> bool:
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            while True:
                handler.wfile.write(b'{"a":[' * 10000)
        self.hub.fault = fault
        self.refused("16 MiB")

    def test_headers_without_an_end(self):
        def fault(handler) -> bool:
            handler.send_response(200)
            for i in range(5000):
                handler.send_header(f"X-{i}", "y" * 100)
            handler.end_headers()
            return True
        self.hub.fault = fault
        self.refused("KiB of headers")

    def test_what_is_no_listing(self):
        for text in ("", "<html>", "[]", "{}", '{"sha":"main","siblings":[]}', "[" * 100_000):
            self.hub.fault = lambda h, t=text: h.send_text(200, t) is None
            self.refused("listing")
        self.hub.fault = lambda h: h.send_text(401, "who are you") is None
        self.refused("HF_TOKEN")

    def test_a_slow_drip(self):
        def drip(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(WEIGHTS)))
            handler.end_headers()
            for i in range(200):
                handler.wfile.write(b"x")
                time.sleep(0.1)
        self.fault_on("model.safetensors", drip)
        begin = time.monotonic()
        self.refused("model.safetensors", args=(*PULL, "--stall", "2"), code=1)
        self.assertLess(time.monotonic() - begin, 20)

    def test_too_many_requests(self):
        answers = [429, 503]

        def busy(handler):
            if not answers:
                return False
            handler.send_text(answers.pop(), "later", Retry_After="2")
        self.fault_on("model.safetensors", busy)
        begin = time.monotonic()
        hearth("pull", REF, "--accept-licence")
        self.assertGreaterEqual(time.monotonic() - begin, 4)
        self.fault_on("model.safetensors", lambda h: h.send_text(500, "oh"))
        self.repo.commit = "e" * 40
        self.repo.files["model.safetensors"] = WEIGHTS + b"x"
        self.refused("HTTP 500", code=1)


class Redirects(StoreTest):
    def setUp(self):
        super().setUp()
        self.other = Hub()
        self.addCleanup(self.other.close)
        self.other.fault = lambda h: h.send_bytes(WEIGHTS) is None
        os.environ["HF_TOKEN"] = "hf_secret"

    def send_on(self, target: str):
        self.fault_on("model.safetensors", lambda h: h.send_text(302, "", Location=target))

    def test_a_token_stays_with_its_host(self):
        self.send_on(self.other.url + "/elsewhere?sig=1")
        hearth(*PULL)
        self.check_works()
        self.assertTrue(all(h["Authorization"] == "Bearer hf_secret" for _, h in self.hub.requests))
        self.assertEqual(len(self.other.requests), 1)
        self.assertNotIn("Authorization", self.other.requests[0][1])

    def test_back_to_the_host(self):
        """Over another host and back, the token is there again where it belongs, and only there."""
        self.send_on(self.other.url + "/x")
        self.other.fault = lambda h: h.send_text(
            307, "", Location=self.hub.url + "/acme/mini/resolve/" + COMMIT + "/back") is None
        self.repo.files["back"] = WEIGHTS
        hearth(*PULL)
        self.assertNotIn("Authorization", self.other.requests[0][1])

    def test_redirects_that_are_refused(self):
        for target, word in (("file:///etc/passwd", "http or https"), ("ftp://127.0.0.1/x", "http"),
                             ("http://user:pw@127.0.0.1/x", "http or https"),
                             ("/acme/mini/resolve/" + COMMIT + "/model.safetensors", "redirects")):
            self.send_on(target)
            self.refused("redirect", word)

    def test_no_token_over_plain_http(self):
        os.environ["HF_ENDPOINT"] = "http://hub.example"
        self.refused("not sent over http")
        os.environ["HF_ENDPOINT"] = "huggingface.co"
        self.refused("expected the address of a hub")

    def test_a_stored_token_is_for_hugging_face_alone(self):
        del os.environ["HF_TOKEN"]
        token = self.folder / ".cache/huggingface/token"
        token.parent.mkdir(parents=True)
        token.write_text("hf_stored")
        hearth(*PULL)
        self.assertTrue(all("Authorization" not in h for _, h in self.hub.requests))

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_tls(self):
        """A certificate that nobody vouches for is refused, and so is the way back to http."""
        key, cert = self.folder / "key.pem", self.folder / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        secure = Hub(context)
        self.addCleanup(secure.close)
        secure.repos = self.hub.repos
        os.environ["HF_ENDPOINT"] = secure.url
        self.refused("certificate", code=1)
        os.environ["SSL_CERT_FILE"] = str(cert)
        secure.fault = lambda h: h.path.endswith("model.safetensors") and h.send_text(
            302, "", Location=self.other.url + "/x") is None
        self.refused("a redirect from https")
        self.assertEqual(self.other.requests, [])
        secure.fault = None
        hearth(*PULL)
        self.check_works()


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
    sys.exit(run_script("store"))
