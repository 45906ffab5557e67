#!/usr/bin/env python3
"""The store: `hearth pull` from a hub on this machine that misbehaves in every way we know, the model
used by its name. Usage: tests/store_test.py BINARY REPO. Standard library only."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import unittest

from command import as_json, hearth
from hub_server import COMMIT, Hub, Repo, sha256
from local_server import endless
from recorded import run_script
from store_place import PULL, REF, WEIGHTS, StoreTest


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
        for ref in ("nothing", "hf://a", "hf://../../etc/passwd", "ftp://bucket/key", "hf://a/b:x/y"):
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
        self.hub.fault = endless(b'{"a":[' * 10000)
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


if __name__ == "__main__":
    sys.exit(run_script("store"))
