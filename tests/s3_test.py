#!/usr/bin/env python3
"""Models on an S3 store: `hearth pull s3://...` from one on this machine that checks signatures and
misbehaves in every way we know. Usage: tests/s3_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time

from command import BINARY, as_json, hearth
from hub_server import sha256
from local_server import endless
from recorded import run_script
from s3_server import KEY, SECRET, S3Server, etag, page_of
from store_place import WEIGHTS, StoreTest, mini_files

REF = "s3://models/team/mini"
PULL = ("pull", REF, "--accept-licence", "--retries", "1")
RANGE = 8 << 20
BIG_REF = "s3://models/big/x-q8_0.gguf"
BIG = random.Random(9).randbytes(4 * RANGE + 12345)
PULL_BIG = ("pull", BIG_REF, "--accept-licence", "--retries", "1")


def sums(files: dict[str, bytes]) -> bytes:
    return "".join(f"{sha256(data)}  {path}\n" for path, data in files.items()).encode()


class S3Test(StoreTest):
    def setUp(self):
        super().setUp()
        self.s3 = S3Server()
        self.addCleanup(self.s3.close)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                       "AWS_REGION": self.s3.region, "AWS_ENDPOINT_URL": self.s3.url}
        mini = mini_files()
        self.s3.objects = {f"team/mini/{path}": data for path, data in mini.items()}
        self.s3.objects |= {"team/mini/SHA256SUMS": sums(mini), "team/mini/sub/": b"",
                            "team/mini-2/config.json": b"{}", "team/mini/a b+c.json": b"{}"}
        self.s3.objects["team/mini/SHA256SUMS"] += sums({"a b+c.json": b"{}"})

    def files(self) -> pathlib.Path:
        found = [path for path in (self.folder / "hearth/models/s3--models--team%mini").glob("*/mini")]
        self.assertEqual(len(found), 1)
        return found[0]

    def fault_on(self, path: str, action):
        def fault(handler) -> bool:
            if not handler.path.endswith("/" + path):
                return False
            return action(handler) is not False
        self.s3.fault = fault

    def serve_big(self):
        self.s3.objects["big/x-q8_0.gguf"] = BIG

    def refused(self, *words: str, args=PULL, code: int = 2) -> str:
        said = super().refused(*words, args=args, code=code)
        for secret in (SECRET, "AWS4", "Signature="):
            self.assertNotIn(secret, said)
        return said


class Pull(S3Test):
    def test_from_nothing_to_an_answer(self):
        out = as_json(*PULL)
        self.assertEqual((out["name"], out["source"], out["bytes"]), (REF, REF, out["fetched"]))
        self.assertEqual(self.answer(REF), "=56025")
        self.assertNotIn("team/mini/modeling_mini.py", self.s3.fetched())
        self.assertEqual((self.files() / "model.safetensors").read_bytes(), WEIGHTS)
        self.assertEqual((self.files() / "a b+c.json").read_bytes(), b"{}")
        hearth("plan", "--model", REF)
        manifest = json.loads((self.files().parent.parent / "manifest.json").read_text())
        self.assertEqual({file["checked"] for file in manifest["files"]}, {"sha256"})
        self.assertEqual(manifest["endpoint"], self.s3.url)
        self.assertNotIn(KEY, json.dumps(manifest))
        self.s3.requests.clear()
        self.assertEqual(as_json("pull", REF)["fetched"], 0)
        self.assertEqual(self.s3.fetched(), ["team/mini/SHA256SUMS"])
        self.assertTrue(as_json("verify", REF)["ok"])
        self.assertEqual(as_json("rm", REF)["bytes"], out["bytes"])
        self.assertIn("hearth pull " + REF, hearth("run", "--model", REF, "1+1=?", code=2).stderr)

    def test_without_checksums(self):
        """What comes is written down; a flipped bit is found and fetched again."""
        del self.s3.objects["team/mini/SHA256SUMS"]
        self.assertIn("no SHA256SUMS", hearth(*PULL).stderr)
        self.assertEqual(self.answer(REF), "=56025")
        file = self.files() / "model.safetensors"
        file.write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
        hearth("verify", REF, code=2)
        self.assertTrue(as_json("verify", REF, "--repair")["repaired"])
        self.assertEqual(file.read_bytes(), WEIGHTS)
        self.s3.objects["team/mini/generation_config.json"] = b'{"temperature": 0.5}'
        self.s3.requests.clear()
        hearth(*PULL)  # fetches what differs
        self.assertNotIn("team/mini/model.safetensors", self.s3.fetched())
        self.assertIn("team/mini/generation_config.json", self.s3.fetched())
        self.assertEqual(self.answer(REF), "=56025")

    def test_a_file_by_its_key(self):
        self.serve_big()
        out = as_json(*PULL_BIG)
        self.assertEqual(out["name"], "s3://models/big:x-q8_0.gguf")
        self.assertEqual(pathlib.Path(out["path"]).read_bytes(), BIG)
        self.assertEqual(as_json("show", BIG_REF)["sha256"], sha256(BIG))

    def test_many_pages(self):
        self.s3.page = 3
        hearth(*PULL)
        lists = [path for path, _ in self.s3.requests if "list-type=2" in path]
        self.assertGreater(len(lists), 3)
        self.assertEqual(self.answer(REF), "=56025")

    def test_several_ranges_at_once(self):
        self.serve_big()
        self.fault_on("x-q8_0.gguf", lambda h: time.sleep(0.3) or False)
        hearth(*PULL_BIG, "--connections", "3")
        self.assertEqual(self.s3.most, 3)
        self.s3.most = 0
        hearth("rm", BIG_REF)
        hearth(*PULL_BIG, "--connections", "1")
        self.assertEqual(self.s3.most, 1)

    def test_who_asks(self):
        self.s3.session = "a/session+token=="
        self.refused("HTTP 403", "SignatureDoesNotMatch")
        os.environ["AWS_SESSION_TOKEN"] = self.s3.session
        hearth(*PULL)
        hearth("rm", REF)
        for name in ("AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY"):
            del os.environ[name]
        self.refused("AWS_SECRET_ACCESS_KEY", "only the first")
        del os.environ["AWS_ACCESS_KEY_ID"]
        self.refused("HTTP 403")
        self.s3.public = True
        self.s3.requests.clear()
        hearth(*PULL)
        self.assertTrue(all("Authorization" not in headers for _, headers in self.s3.requests))

    def test_where_the_store_is(self):
        """A flag goes before Hearth's variable, and that before those of Amazon's tools."""
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        self.refused("127.0.0.1:9", code=1)
        os.environ["HEARTH_S3_ENDPOINT"] = "not an address"
        self.refused("expected the address of an S3 store")
        # Buckets as names of hosts.
        hearth(*PULL, "--s3-endpoint", f"http://{{bucket}}.localhost:{self.s3.port}/")
        self.assertEqual(self.answer(REF), "=56025")
        del os.environ["HEARTH_S3_ENDPOINT"]
        os.environ["AWS_REGION"] = "eu:test/1"
        self.refused("AWS_REGION")

    def test_wrong_references(self):
        for ref in ("s3://", "s3:///x", "s3://models/../x", "s3://models/a//b", "s3://models/a?b",
                    "s3://models/a:b/c", "s3://mo dels/a"):
            self.refused("BUCKET/PREFIX" if ":b/c" not in ref else "label",
                         args=("pull", ref, "--accept-licence"))
        self.assertEqual(self.s3.requests, [])


class Interrupted(S3Test):
    def test_killed_and_resumed(self):
        self.serve_big()
        slow = [True]

        def action(handler):
            first = int(handler.headers["Range"].removeprefix("bytes=").split("-")[0])
            if slow[0] and first >= 2 * RANGE:
                time.sleep(30)
            return False
        self.fault_on("x-q8_0.gguf", action)
        process = subprocess.Popen([BINARY, *PULL_BIG], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        place = self.folder / "hearth/models"
        while sum(p.stat().st_size for p in place.rglob("*.partial")) < 2 * RANGE:
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        process.kill()
        process.wait()
        slow[0] = False
        self.s3.requests.clear()
        out = as_json(*PULL_BIG)
        asked = [int(h["Range"].removeprefix("bytes=").split("-")[0])
                 for p, h in self.s3.requests if p.endswith("gguf")]
        self.assertEqual(min(asked), 2 * RANGE)
        self.assertEqual(pathlib.Path(out["path"]).read_bytes(), BIG)

    def test_connections_that_break(self):
        self.serve_big()
        cuts = [1000, 2_000_000, 3_000_000]
        self.fault_on("x-q8_0.gguf", lambda h: h.send_object(BIG, cut=cuts.pop() if cuts else None))
        said = hearth("pull", BIG_REF, "--accept-licence", "--retries", "3").stderr
        self.assertIn("again in", said)
        self.assertTrue(as_json("verify", BIG_REF)["ok"])

    def test_a_store_that_is_busy(self):
        answers = [503, 500]

        def busy(handler):
            if not answers:
                return False
            handler.send_error_xml(answers.pop(), "SlowDown", Retry_After="1")
            return True
        self.s3.fault = busy
        hearth("pull", REF, "--accept-licence")
        self.s3.fault = lambda h: h.send_error_xml(500, "InternalError") is None
        self.refused("HTTP 500", "InternalError", code=1)


class Misbehaving(S3Test):
    def test_a_wrong_secret(self):
        os.environ["AWS_SECRET_ACCESS_KEY"] = "another"
        said = self.refused("HTTP 403", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY")
        self.assertNotIn("another", said)

    def test_what_is_not_there(self):
        self.refused("HTTP 404", "NoSuchBucket", args=("pull", "s3://other/x", "--accept-licence"))
        self.refused("nothing lies there", args=("pull", "s3://models/none", "--accept-licence"))
        self.assertEqual(list((self.folder / "hearth/models").glob("*"))
                         if (self.folder / "hearth/models").exists() else [], [])

    def test_an_object_that_changes_between_two_ranges(self):
        self.serve_big()
        other = bytes(reversed(BIG))
        for match in (True, False):  # a store that heeds If-Match, and one that doesn't
            def action(handler, match=match):
                first = handler.headers["Range"].startswith("bytes=0-")
                handler.send_object(BIG if first else other, match=match)
            self.fault_on("x-q8_0.gguf", action)
            self.refused("HTTP 412" if match else etag(other), "pull again", args=PULL_BIG)
        self.fault_on("x-q8_0.gguf", lambda h: h.send_object(BIG, tag="", match=False))
        self.refused("found none", args=PULL_BIG)
        place = self.folder / "hearth/models"
        self.assertEqual([p for p in place.rglob("*.gguf") if p.is_file()], [])

    def test_checksums(self):
        mini = mini_files()
        wrong = dict(mini, **{"model.safetensors": b"other"})
        self.s3.objects["team/mini/SHA256SUMS"] = sums(wrong | {"a b+c.json": b"{}"})
        self.refused("model.safetensors", sha256(WEIGHTS), sha256(b"other"))
        del wrong["config.json"]
        self.s3.objects["team/mini/SHA256SUMS"] = sums(wrong | {"a b+c.json": b"{}"})
        self.refused("config.json", "SHA256SUMS leaves it out")
        for text in (b"nonsense\n", sha256(b"").encode() + b"  ../x\n", b"\xff" * 80):
            self.s3.objects["team/mini/SHA256SUMS"] = text
            self.refused("SHA256SUMS: line 1")

    def test_ranges_that_lie(self):
        self.serve_big()

        def reply_of(begin: int, end: int, total: int, body: int):
            def action(handler):
                if handler.headers["Range"].startswith("bytes=0-"):
                    return False
                handler.send_response(206)
                handler.send_header("Content-Range", f"bytes {begin}-{end - 1}/{total}")
                handler.send_header("Content-Length", str(body))
                handler.send_header("ETag", etag(BIG))
                handler.end_headers()
                handler.wfile.write(BIG[:body])
            return action
        for begin, end, total, body in ((0, RANGE, len(BIG), RANGE), (RANGE, 2 * RANGE, 9 << 30, RANGE)):
            self.fault_on("x-q8_0.gguf", reply_of(begin, end, total, body))
            self.refused("the range that was asked for", args=(*PULL_BIG, "--connections", "1"))
        self.fault_on("x-q8_0.gguf", reply_of(RANGE, 2 * RANGE, len(BIG), 100))
        self.refused("ended too early", args=(*PULL_BIG, "--connections", "1"), code=1)

    def test_lists_that_lie(self):
        good = "<Key>team/mini/{}</Key><Size>{}</Size><ETag>\"e\"</ETag>"

        def item(key: str = "config.json", size: str = "1") -> str:
            return f"<Contents>{good.format(key, size)}</Contents>"
        bomb = '<!DOCTYPE a [<!ENTITY b "' + "x" * 1000 + '">]><ListBucketResult>&b;</ListBucketResult>'
        for text, word in (
                ("", "listing"), ("<html></html>", "<html>"), ("{}", "expected XML"),
                (page_of(item())[:-9], "expected XML"), (bomb, "document type"),
                ("<Error><Code>AccessDenied</Code></Error>", "<Error"),
                (page_of(item(size="-1")), "<Size>"), (page_of(item(size="9" * 30)), "<Size>"),
                (page_of("<Contents><Key>team/mini/x</Key></Contents>"), "<ETag>"),
                (page_of(item().replace("team/mini", "other")), "other/config.json"),
                (page_of(item("../../../evil")), "leaves its folder"),
                (page_of(item("a\\b")), "backslash"), (page_of(item() * 2), "twice"),
                (page_of(item(), more=True), "<NextContinuationToken>"),
                (page_of(item()).replace("false", "maybe"), "<IsTruncated>"),
                (page_of("<NextContinuationToken>t</NextContinuationToken>", more=True), "move on"),
                (page_of("<a>" * 40 + "</a>" * 40), "levels"),
                (page_of(item("k" * 9000)), "KiB of text")):
            with self.subTest(text[:60]):
                self.s3.fault = lambda h, t=text: h.send_object(t.encode(), match=False) is None
                self.refused(word)
        self.assertEqual(self.s3.fetched(), [])
        self.assertEqual(list(self.folder.rglob("*evil*")), [])

    def test_a_list_without_an_end(self):
        self.s3.fault = endless(b"<ListBucketResult>" * 10000)
        self.refused("16 MiB")

    def test_no_redirect_is_followed(self):
        other = S3Server()
        self.addCleanup(other.close)
        for status in (301, 307):
            self.s3.fault = lambda h, s=status: h.send_error_xml(
                s, "PermanentRedirect", Location=other.url + "/models/") is None
            self.refused(f"HTTP {status}", "AWS_REGION", "--s3-endpoint")
        self.s3.fault = lambda h: h.send_error_xml(301, "PermanentRedirect") is None
        self.refused("HTTP 301")
        self.assertEqual(other.requests, [])

    def test_a_clock_that_is_wrong(self):
        self.s3.fault = lambda h: h.send_error_xml(403, "RequestTimeTooSkewed") is None
        self.refused("clock")
        self.s3.fault = lambda h: h.send_error_xml(403, "x y\x1b[2J" + "z" * 100) is None
        self.refused("HTTP 403: access")


if __name__ == "__main__":
    sys.exit(run_script("s3"))
