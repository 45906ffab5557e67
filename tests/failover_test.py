#!/usr/bin/env python3
"""Three replicas behind the proxy configuration that deploy/ ships: one is killed, one is stopped, one
grows hot, all do. Usage: tests/failover_test.py BINARY REPO. Needs Debian's haproxy; skipped without."""

import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from command import REPO
from recorded import run_script
from serve_client import Server

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
QUESTIONS = ["12+30=?", "37*48=?", "48291+7734=?", "7*8=?"]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Replica:
    """A server at a port of its own, on a machine whose CPU has the temperature of a file."""

    def __init__(self, folder: pathlib.Path):
        self.zone = folder / "sys/class/thermal/thermal_zone0"
        self.zone.mkdir(parents=True)
        (self.zone / "type").write_text("cpu-thermal\n")
        self.heat(50)
        self.port = free_port()
        self.flags = ["--sysfs-root", str(folder), "--no-log-requests",
                      "--cpu-temperature-stop", "95", "--cpu-temperature-resume", "90"]
        self.start()

    def heat(self, celsius: int):
        (self.zone / "new").write_text(f"{celsius}000\n")
        (self.zone / "new").rename(self.zone / "temp")

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server.process.stdout.close()

    def start(self):
        self.server = Server(*self.flags, port=self.port)

    def ready(self) -> bool:
        return self.server.ask("GET", "/ready")[0] == 200


def ask(port: int, question: str, stream: bool = False):
    """Status and text of an answer; of a stream that broke off None and its part."""
    body = {"messages": [{"role": "user", "content": question}], "temperature": 0, "stream": stream}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        reply = connection.getresponse()
        try:
            text = reply.read().decode()
        except http.client.IncompleteRead as broken:
            return None, broken.partial.decode()
    if reply.status != 200:
        return reply.status, dict(reply.headers)
    if not stream:
        return 200, json.loads(text)["choices"][0]["message"]["content"]
    events = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    if not events or events[-1] != "[DONE]":
        return None, text
    deltas = [json.loads(e)["choices"][0]["delta"] for e in events[:-1]]
    return 200, "".join(d.get("content") or "" for d in deltas)


@unittest.skipUnless(HAPROXY, "no haproxy")
class Failover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.replicas = [Replica(folder / name) for name in ("one", "two", "three")]
        for replica in cls.replicas:
            cls.addClassCleanup(lambda r=replica: r.server.__exit__(None))
        cls.port = free_port()
        text = (REPO / "deploy/haproxy/haproxy.cfg").read_text()
        text, changed = re.subn(r"bind \S+ ssl crt \S+ alpn \S+", f"bind 127.0.0.1:{cls.port}", text)
        assert changed == 1
        for number, replica in enumerate(cls.replicas, 1):
            assert f"10.0.0.{number}:9471" in text
            text = text.replace(f"10.0.0.{number}:9471", f"127.0.0.1:{replica.port}")
        (folder / "haproxy.cfg").write_text(text)
        cls.log = cls.enterClassContext(tempfile.TemporaryFile())
        proxy = subprocess.Popen([HAPROXY, "-db", "-f", folder / "haproxy.cfg"], stderr=cls.log)
        cls.addClassCleanup(lambda: (proxy.terminate(), proxy.wait()))
        cls.right = {q: ask(cls.replicas[0].port, q) for q in QUESTIONS}
        assert all(status == 200 for status, _ in cls.right.values()), cls.right
        cls.wait(cls.proxy_answers)

    @classmethod
    def proxy_answers(cls) -> bool:
        try:
            return ask(cls.port, QUESTIONS[0])[0] == 200
        except ConnectionRefusedError:  # it doesn't listen yet
            return False

    @staticmethod
    def wait(true_soon, seconds: float = 40):
        end = time.monotonic() + seconds
        while not true_soon():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)

    def load(self, disturb, stream: bool = False, seconds: float = 4):
        """Eight clients that ask one thing after the other while `disturb` happens."""
        end = time.monotonic() + seconds

        def client(number: int):
            answers = []
            while time.monotonic() < end:
                question = QUESTIONS[(number + len(answers)) % len(QUESTIONS)]
                answers.append((question, *ask(self.port, question, stream)))
            return answers
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            running = [clients.submit(client, i) for i in range(8)]
            time.sleep(0.3)
            disturb()
            return [answer for one in running for answer in one.result()]

    def test_whole_answers_outlive_a_killed_replica(self):
        replica = self.replicas[1]
        answers = self.load(replica.kill)
        replica.start()
        self.assertGreater(len(answers), 8)
        for question, *answer in answers:
            self.assertEqual(tuple(answer), self.right[question])
        self.wait(lambda: ask(self.port, QUESTIONS[0])[0] == 200)

    def test_a_stream_ends_whole_or_visibly_broken(self):
        replica = self.replicas[2]
        answers = self.load(replica.kill, stream=True)
        replica.start()
        self.assertGreater(len(answers), 8)
        broken = [a for a in answers if a[1] is None]
        self.assertLessEqual(len(broken), 8)  # at most what ran there
        for question, status, text in answers:
            if status is not None:
                self.assertEqual((status, text), self.right[question])

    def test_a_hot_replica_leaves_and_comes_back_and_nobody_notices(self):
        replica = self.replicas[0]
        answers = self.load(lambda: replica.heat(99))
        for question, *answer in answers:
            self.assertEqual(tuple(answer), self.right[question])
        self.assertFalse(replica.ready())
        replica.heat(50)
        self.wait(replica.ready)

    def test_when_all_are_hot_clients_are_told_when_to_come_back(self):
        for replica in self.replicas:
            replica.heat(99)
        self.wait(lambda: not any(r.ready() for r in self.replicas))
        begin = time.monotonic()
        status, headers = ask(self.port, QUESTIONS[0])
        self.assertEqual(status, 503)
        lower = {name.lower(): value for name, value in headers.items()}
        self.assertGreaterEqual(int(lower["retry-after"]), 1)
        self.assertLess(time.monotonic() - begin, 5)
        for replica in self.replicas:
            replica.heat(50)
        self.wait(lambda: all(r.ready() for r in self.replicas))
        self.wait(lambda: ask(self.port, QUESTIONS[0])[0] == 200)

    def test_a_stopped_replica_gets_no_new_requests(self):
        process = self.replicas[1].server.process
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(8)  # two checks that nobody answers
            for question in QUESTIONS:
                self.assertEqual(ask(self.port, question), self.right[question])
        finally:
            process.send_signal(signal.SIGCONT)
        self.wait(self.replicas[1].ready)


if __name__ == "__main__":
    sys.exit(run_script("failover"))
