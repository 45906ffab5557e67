#!/usr/bin/env python3
"""Personal data through the server and `hearth redact`: what a prompt holds is masked before the
model, put back in what comes out, counted, or refused; no log, metric or error ever holds a value.
Usage: tests/pii_serve_test.py BINARY REPO. Standard library only."""

import contextlib
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, hearth
from recorded import run_script
from serve_client import Server

CANARIES = ["13800138000", "11010519491231002X", "jane.doe@example.org", "4111111111111111"]
TEXT = (f"电话{CANARIES[0]}，身份证{CANARIES[1]}，write to {CANARIES[2]}, card {CANARIES[3]}; "
        f"again {CANARIES[0]}")


def values(text: str) -> int:
    return sum(text.count(canary) for canary in CANARIES)


class Masking(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--pii", "mask", "--log-json"))

    def complete(self, prompt, **members):
        body = {"prompt": prompt, "max_tokens": 2, "temperature": 0, **members}
        return self.server.ask("POST", "/v1/completions", body)

    def check_nothing_leaked(self):
        self.assertEqual(values(self.server.logged()), 0)
        _, _, metrics = self.server.ask("GET", "/metrics")
        self.assertEqual(values(metrics), 0)
        return metrics

    def test_the_prompt_comes_back_as_it_was(self):
        # The echo is what the model was given, decoded from its tokens and restored.
        status, headers, reply = self.complete(TEXT, echo=True)
        self.assertEqual(status, 200, reply)
        self.assertIn(TEXT, reply["choices"][0]["text"])
        self.assertEqual(headers["X-Hearth-Personal-Data"],
                         "CN_ID=1,MOBILE=2,EMAIL=1,CREDIT_CARD=1")
        _, _, stream = self.complete(TEXT, echo=True, stream=True)
        events = [json.loads(line.removeprefix("data: ")) for line in stream.split("\n")
                  if line.startswith("data: {")]
        self.assertIn(TEXT, "".join(e["choices"][0]["text"] for e in events))
        self.assertIn('type="MOBILE"', self.check_nothing_leaked())

    def test_the_model_sees_tokens(self):
        # Another number in its place gives the model the same prompt: the cache finds it whole.
        filler = " 12+30=?" * 20
        first = self.complete(TEXT + filler)[2]
        other = self.complete(TEXT.replace(CANARIES[0], "13900139000") + filler)[2]
        self.assertEqual(first["choices"], other["choices"])
        self.assertEqual(first["usage"]["prompt_tokens"], other["usage"]["prompt_tokens"])
        self.assertEqual(other["usage"]["prompt_cache_hit_tokens"],
                         (first["usage"]["prompt_tokens"] - 1) // 64 * 64)

    def test_a_chat_with_ids(self):
        status, headers, _ = self.server.chat(TEXT, max_tokens=4)
        self.assertEqual(status, 200)
        self.assertIn("MOBILE=2", headers["X-Hearth-Personal-Data"])
        self.check_nothing_leaked()

    def test_errors_hold_no_value(self):
        status, _, reply = self.server.chat(TEXT * 2000)
        self.assertEqual(status, 400)
        self.assertEqual(values(json.dumps(reply, ensure_ascii=False)), 0)
        self.check_nothing_leaked()

    def test_ids_with_personal_data_are_refused(self):
        _, _, made = self.server.ask("POST", "/tokenize", {"prompt": TEXT})
        status, _, reply = self.complete(made["tokens"])
        self.assertEqual((status, reply["error"]["code"]), (400, "personal_data"))
        self.assertEqual(values(json.dumps(reply, ensure_ascii=False)), 0)


class Keys(unittest.TestCase):
    def test_each_key_has_its_mode(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "keys")
            with open(path, "w", encoding="utf-8") as file:
                for mode in ("off", "log_only", "block"):
                    digest = hashlib.sha256(mode.encode()).hexdigest()
                    file.write(f"{mode} sha256:{digest} pii={mode}\n")
            with Server("--api-keys", path) as server:
                seen = {}
                for mode in ("off", "log_only", "block"):
                    status, headers, _ = server.ask(
                        "POST", "/v1/completions", {"prompt": TEXT, "max_tokens": 1},
                        Authorization=f"Bearer {mode}")
                    seen[mode] = (status, "X-Hearth-Personal-Data" in headers)
                self.assertEqual(
                    seen, {"off": (200, False), "log_only": (200, True), "block": (400, False)})
                self.assertEqual(values(server.logged()), 0)


class Crash(unittest.TestCase):
    def crash(self, process: subprocess.Popen) -> bool:
        """Whether it left a dump."""
        os.kill(process.pid, signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = 0  # as it was meant
        self.assertEqual(os.WTERMSIG(status), signal.SIGSEGV)
        return os.WCOREDUMP(status)

    def test_a_server_that_crashes_leaves_no_dump(self):
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        if limits[1] == 0:
            self.skipTest("no process may dump here")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            # What the children inherit: all may be dumped.
            resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
            try:
                other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
                with other, Server("--pii", "mask") as server:
                    status, _, _ = server.ask("POST", "/v1/completions",
                                              {"prompt": TEXT, "max_tokens": 2})
                    self.assertEqual(status, 200)
                    limit = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
                    self.assertRegex(limit, r"Max core file size +0 +0 ")
                    self.assertFalse(self.crash(server.process))
                    if not self.crash(other):
                        self.skipTest("the system writes no dumps")
            finally:
                resource.setrlimit(resource.RLIMIT_CORE, limits)


class Redact(unittest.TestCase):
    def redact(self, text: str, *args: str) -> str:
        done = hearth("redact", *args, text=text)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_there_and_back(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "map.json")
            masked = self.redact(TEXT, "--map", path)
            self.assertEqual(values(masked), 0)
            self.assertEqual(os.stat(path).st_mode & 0o077, 0)
            self.assertEqual(self.redact(masked, "--restore", path), TEXT)
            told = json.loads(self.redact(masked, "--restore", path, "--json"))
            self.assertEqual(told, {"text": TEXT, "restored": 5, "unknown": 0})

    def test_json(self):
        told = json.loads(self.redact(TEXT, "--json"))
        for entity in told["entities"]:
            self.assertIn(TEXT[entity["start"]:entity["end"]], CANARIES)
            self.assertIn(entity["token"], told["text"])
        self.assertEqual([e["type"] for e in told["entities"]],
                         ["MOBILE", "CN_ID", "EMAIL", "CREDIT_CARD", "MOBILE"])

    def test_a_full_disk(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "map.json")
            masked = self.redact(TEXT, "--map", path)
            for text, args in ((TEXT, []), (TEXT, ["--json"]), (masked, ["--restore", path]),
                               (masked, ["--restore", path, "--json"])):
                with open("/dev/full", "wb") as full:
                    done = subprocess.run([BINARY, "redact", *args], input=text.encode(), stdout=full,
                                          stderr=subprocess.PIPE)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, rb"^[^\n]*standard output: No space left on device\n$")

    def test_wrong_files(self):
        for flag in ("--restore", "--policy"):
            told = hearth("redact", flag, "/nowhere", text="", code=2).stderr
            self.assertEqual(told.count("\n"), 1)


if __name__ == "__main__":
    sys.exit(run_script("pii_serve"))
