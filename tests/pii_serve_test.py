#!/usr/bin/env python3
"""Personal data through the server and `hearth redact`: what a prompt holds is masked before the
model, put back in what comes out, counted, or refused; no log, metric or error ever holds a value.
Usage: tests/pii_serve_test.py BINARY REPO. Standard library only."""

import array
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import unittest.mock

from command import BINARY, MINI, hearth
from recorded import run_script
from replicas import Gateway, Replica, ask, chat, seen_of
from serve_client import ENDLESS, Server

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


def bytes_waiting(pipe) -> int:
    """Bytes in a pipe that nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


class Everywhere(unittest.TestCase):
    """All that a deployment keeps of requests full of personal data: the folder that the processes
    live in (homes, caches and places for temporary files lie there, too), what they log and count,
    and what is exported from the audit log."""

    SAID = ("a [MOBILE_1] b [CN_ID_1] c [EMAIL_1] d [CREDIT_CARD_1] e",
            f"a {CANARIES[0]} b {CANARIES[1]} c {CANARIES[2]} d {CANARIES[3]} e")

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        places = {}
        for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
                     "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
            (self.folder / name).mkdir(mode=0o700)
            places[name] = str(self.folder / name)
        self.enterContext(unittest.mock.patch.dict(os.environ, places))
        self.enterContext(contextlib.chdir(self.folder))
        (self.folder / "resume.key").write_text("5a" * 32 + "\n")
        self.log = str(self.folder / "audit.log")
        self.flags = ["--pii", "mask", "--audit-log", self.log, "--audit-text", "on", "--log-json",
                      "--label", "suffix", "--resume-key", str(self.folder / "resume.key")]

    def ask_in_every_way(self, server, gateway):
        """What the model says is laid down by an expression: the bundled one does sums."""
        pattern = "".join(f"\\{c}" if c in "[]" else c for c in self.SAID[0])
        said = {"guided_regex": pattern, "thinking_budget": 0, "max_tokens": 200,
                "user": "patient"}
        for at in (server, gateway):
            for stream in (False, True):
                status, text, _ = ask(at, *chat(TEXT, **said), stream=stream)
                self.assertEqual(status, 200, text)
                found = (seen_of(text).text if stream
                         else json.loads(text)["choices"][0]["message"]["content"])
                self.assertEqual(found, self.SAID[1])
        echoed = server.ask("POST", "/v1/completions", {"prompt": TEXT, "max_tokens": 2, "echo": True})
        self.assertIn(TEXT, echoed[2]["choices"][0]["text"])
        # Ends that are none: refused for its form, for its length, left by its client.
        self.assertEqual(server.chat(TEXT, temperature="hot")[0], 400)
        self.assertEqual(server.chat(TEXT * 2000)[0], 400)
        with server.start("/v1/chat/completions", {**chat(TEXT)[1], **ENDLESS, "stream": True}) as left:
            left.recv(4096)
        server.wait_for_metric("num_requests_running", 0)

    def check_files_being_written(self, process):
        """None lies elsewhere, but the one that the test gave it to log into. Processes that may not be
        dumped show their files to root alone."""
        if os.geteuid() != 0:
            return
        for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            path = pathlib.Path(os.readlink(entry))
            flags = pathlib.Path(f"/proc/{process.pid}/fdinfo/{entry.name}").read_text()
            mode = int(re.search(r"flags:\s+(\d+)", flags)[1], 8) & os.O_ACCMODE
            if path.is_file() and mode != os.O_RDONLY and entry.name != "2":
                self.assertTrue(path.is_relative_to(self.folder), path)

    def test_no_value_stays_anywhere(self):
        statement = self.folder / "statement.json"
        statement.write_text(json.dumps({"controller": "Clinic"}))
        replica = Replica(self.flags)
        with replica.server as server, Gateway([replica], "--log-json") as gateway:
            self.ask_in_every_way(server, gateway)
            kept = {"metrics": server.ask("GET", "/metrics")[2],
                    "gateway's metrics": gateway.get("/metrics")[1]}
            for process in (server.process, gateway.process):
                self.check_files_being_written(process)
            kept |= {"log": server.logged(), "gateway's log": gateway.logged()}
        self.assertIn("/v1/chat/completions", kept["log"])
        for args in (["--events"], ["--subject", "/patient"], ["--statement", str(statement)]):
            kept[" ".join(args)] = hearth("audit", "export", self.log, *args).stdout
        self.assertIn("[MOBILE_1]", kept["--events"])
        for path in self.folder.rglob("*"):
            if path.is_file():
                kept[str(path)] = path.read_bytes().decode(errors="replace")
        self.assertEqual({name: values(text) for name, text in kept.items()}, dict.fromkeys(kept, 0))


class Crash(unittest.TestCase):
    def check_no_core_files(self, process):
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")

    def test_none_that_holds_texts_may_dump(self):
        with Gateway([], "--replica", "http://127.0.0.1:9", ready=False) as gateway:
            self.check_no_core_files(gateway.process)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "map.json")
            path.write_text('{"tokens": []}')
            for args in ([], ["--restore", str(path)]):
                with subprocess.Popen([BINARY, "redact", *args], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE) as redact:
                    self.wait_until_it_reads(redact)
                    self.check_no_core_files(redact)
                    redact.communicate(b"")
                self.assertEqual(redact.returncode, 0)

    def wait_until_it_reads(self, process):
        process.stdin.write(b"x")
        process.stdin.flush()
        end = time.monotonic() + 20
        while bytes_waiting(process.stdin) and time.monotonic() < end:
            time.sleep(0.01)
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
                    self.check_no_core_files(server.process)
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

    def test_a_model_that_reads(self):
        """The bundled one does sums: whatever it says of names, the rules' stay, and nothing is masked
        that the text does not have; the same text gives the same answer."""
        with tempfile.TemporaryDirectory() as folder:
            policy, path = os.path.join(folder, "policy.json"), os.path.join(folder, "map.json")
            pathlib.Path(policy).write_text('{"names": true}')
            text = f"my name is David Johnson, {TEXT}\n" + "12+30=? " * 200
            rules = json.loads(self.redact(text, "--policy", policy, "--json"))
            done = hearth("redact", "--model-reader", MINI, "--map", path, "--json", text=text)
            told = json.loads(done.stdout)
            reader = told["reader"]
            self.assertEqual(reader["passages"], 2)
            self.assertEqual(done.stderr.count("\n"), min(reader["cut"], 1), done.stderr)
            self.assertLessEqual(reader["names"] + reader["unfounded"], 64)
            spans = [(e["start"], e["end"]) for e in told["entities"]]
            for e in rules["entities"]:
                self.assertTrue(any(s <= e["start"] and e["end"] <= t for s, t in spans), e)
            self.assertEqual(self.redact(told["text"], "--restore", path), text)
            again = hearth("redact", "--model-reader", MINI, "--json", text=text).stdout
            self.assertEqual(json.loads(again), told)
            pathlib.Path(policy).write_text('{"types": ["MOBILE"]}')
            refused = hearth("redact", "--model-reader", MINI, "--policy", policy, text="", code=2)
            self.assertIn("names", refused.stderr)
            hearth("redact", "--model-reader", "/nowhere", text=text, code=2)

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
