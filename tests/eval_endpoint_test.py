#!/usr/bin/env python3
"""`hearth eval --endpoint`: our own server scores as the model in this process does, and servers that
are busy, wrong or slow. Usage: tests/eval_endpoint_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import unittest

from command import MINI, REPO, as_json, hearth
from fake_endpoint import Fake, completion
from recorded import run_script
from serve_client import Server

SUMS = str(REPO / "recipes/mini/heldout/mul.jsonl")


def replies(path: str) -> dict:
    """(id, sample) to what was said, of a file of records."""
    lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()[1:]]
    return {(r["id"], r["sample"]): (r["reply"], r["reasoning"], r["right"], r["finish_reason"])
            for r in lines}


def right(body: dict) -> str:
    """What the sum in a prompt such as `12*30=?` gives."""
    a, b = re.findall(r"\d+", body["messages"][0]["content"])
    return str(int(a) * int(b))


class Endpoint(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def args(self, url: str, *more: str, limit: int = 12) -> list[str]:
        return ["eval", "arithmetic", "--endpoint", url, "--model", "m", "--data", SUMS,
                "--limit", str(limit), *more]

    def refused(self, url: str, *more: str, code: int = 2) -> str:
        error = hearth(*self.args(url, *more), code=code).stderr
        self.assertEqual(error.count("\n"), 1, error)
        self.assertTrue(error.startswith("hearth eval arithmetic: "), error)
        return error

    def test_our_own_server_scores_as_the_model_here_does(self):
        here, there = (os.path.join(self.folder, name) for name in ("here", "there"))
        args = ["eval", "arithmetic", "--data", SUMS, "--limit", "40", "--batch", "8"]
        local = as_json(*args, "--model", MINI, "--items", here)
        with Server("--max-sequences", "8") as server:
            url = f"http://127.0.0.1:{server.port}/v1"
            served = as_json(*args, "--model", "mini", "--items", there, "--endpoint", url,
                             "--timeout", "120")
        self.assertEqual(replies(here), replies(there))
        for name in ("n", "right", "score", "ci95", "groups", "classes", "tokens"):
            self.assertEqual(local[name], served[name], name)

    def test_it_asks_with_the_key_within_the_bound_and_goes_on(self):
        def respond(handler, body):
            time.sleep(0.02)
            handler.give(200, completion(f"<think>{'x' * 5}</think>\n\n{right(body)}"))

        key = pathlib.Path(self.folder, "key")
        key.write_text("sk-secret\n")
        kept = os.path.join(self.folder, "records")
        with Fake(respond) as fake:
            more = ["--api-key-file", str(key), "--batch", "3", "--samples", "2", "--temperature",
                    "0.6", "--items", kept]
            out = as_json(*self.args(fake.url + "/", *more))
            self.assertEqual((out["score"], out["n"], out["tokens"]), (1, 12, 72))
            self.assertEqual(len(fake.requests), 24)
            self.assertLessEqual(fake.most, 3)
            seeds = {body["seed"] for _, _, body, _ in fake.requests}
            self.assertEqual(len(seeds), 24)
            for path, headers, body, _ in fake.requests:
                self.assertEqual(path, "/v1/chat/completions")
                self.assertEqual(headers["Authorization"], "Bearer sk-secret")
                self.assertEqual((body["model"], body["temperature"]), ("m", 0.6))
                self.assertEqual(body["max_tokens"], 512)
            # All is there: a second run asks nothing.
            again = as_json(*self.args(fake.url + "/", *more))
            self.assertEqual((again["score"], len(fake.requests)), (1, 24))
        first = json.loads(pathlib.Path(kept).read_text().splitlines()[1])
        self.assertEqual((first["reasoning"], first["joules"]), ("xxxxx", None))
        self.assertGreater(first["seconds"], 0.01)
        self.assertNotIn("sk-secret", pathlib.Path(kept).read_text())

    def test_a_busy_server_is_asked_again_when_it_says(self):
        seen = {}
        lock = threading.Lock()

        def respond(handler, body):
            question = body["messages"][0]["content"]
            with lock:
                seen[question] = seen.get(question, 0) + 1
                turn = seen[question]
            if turn == 1:
                handler.give(429, {"error": {"message": "slow down"}}, Retry_After="2")
            elif turn == 2:
                handler.give(503, b"", Retry_After="1")
            else:
                handler.give(200, completion(right(body)))

        with Fake(respond) as fake:
            done = hearth(*self.args(fake.url, "--json", limit=2))
            self.assertEqual(json.loads(done.stdout)["score"], 1)
            self.assertIn("slow down; again in 2 s", done.stderr)
            times = {}
            for _, _, body, at in fake.requests:
                times.setdefault(body["messages"][0]["content"], []).append(at)
        for first, second, third in times.values():
            self.assertGreater(second - first, 1.9)
            self.assertGreater(third - second, 0.9)

    def test_servers_that_are_wrong_are_refused_in_one_line(self):
        cases = {
            (401, b'{"error":{"message":"no such key"}}'): ("HTTP 401: no such key", 2),
            (404, b"<html>\nnothing</html>"): ("HTTP 404: <html>", 2),
            (400, b'{"error":{"message":"prompt too long"}}'): ("prompt too long", 2),
            (200, b"<html>"): ("mul", 2),
            (200, b"{}"): ("`choices`", 2),
            (200, b'{"choices":[{"message":{"content":7}}]}'): ("`content`", 2),
        }
        for (status, body), (words, code) in cases.items():
            with self.subTest(status=status, body=body):
                with Fake(lambda handler, _: handler.give(status, body)) as fake:
                    error = self.refused(fake.url, "--retries", "0", code=code)
                    self.assertIn(words, error)
                    self.assertIn(fake.url, error)
        with Fake(lambda handler, _: handler.give(500, b"down")) as fake:
            self.assertIn("HTTP 500: down", self.refused(fake.url, "--retries", "0", code=1))
        with Fake(lambda handler, _: handler.give(302, b"", Location="/elsewhere")) as fake:
            self.assertIn("redirect", self.refused(fake.url))
            self.assertLessEqual(len(fake.requests), 12)

        def slow(handler, _):
            time.sleep(3)
            handler.give(200, completion("1"))
        with Fake(slow) as fake:
            start = time.monotonic()
            error = self.refused(fake.url, "--timeout", "1", "--retries", "0", code=1)
            self.assertLess(time.monotonic() - start, 3)
            self.assertIn("imeout", error)

    def test_what_was_answered_before_a_failure_is_kept(self):
        def respond(handler, body):
            if len(fake.requests) > 6:
                handler.give(400, {"error": {"message": "enough"}})
            else:
                handler.give(200, completion(right(body)))

        kept = os.path.join(self.folder, "records")
        with Fake(respond) as fake:
            self.refused(fake.url, "--items", kept, "--batch", "1")
            self.assertEqual(len(replies(kept)), 6)

    def test_wrong_flags(self):
        empty = pathlib.Path(self.folder, "empty")
        empty.write_text("\n")
        key = pathlib.Path(self.folder, "key")
        key.write_text("sk-secret")
        for url, more, words in [
                ("ftp://host/v1", [], "expected an address"),
                ("http://user:pw@host/v1", [], "without a user's name"),
                ("http://127.0.0.1:9/v1", ["--dtype", "int8"], "--dtype"),
                ("http://127.0.0.1:9/v1", ["--adapter", self.folder], "--adapter"),
                ("http://127.0.0.1:9/v1", ["--api-key-file", str(empty)], "first line"),
                ("http://example.com/v1", ["--api-key-file", str(key)], "https")]:
            self.assertIn(words, self.refused(url, *more))
        self.assertIn("127.0.0.1:9", self.refused("http://127.0.0.1:9/v1", "--retries", "0", code=1))


if __name__ == "__main__":
    sys.exit(run_script("eval_endpoint"))
