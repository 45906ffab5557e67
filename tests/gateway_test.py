#!/usr/bin/env python3
"""Three replicas behind `hearth gateway`: they are killed and stopped at random moments while clients
in a closed loop read streams, and every stream must be the one of an undisturbed run.
Usage: tests/gateway_test.py BINARY REPO [FAULTS]"""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from serve_client import BINARY, ENDLESS, Server

FAULTS = int(sys.argv[3]) if len(sys.argv) > 3 else 16
STALL_SECONDS = 1.5
LONG = {**ENDLESS, "max_tokens": 240}
CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
    "additionalProperties": False}}}


def chat(question: str, **members):
    return CHAT, {"messages": [{"role": "user", "content": question}], **members}


# Seeds are fixed, so that the undisturbed run is known; most are long enough to be hit.
REQUESTS = [
    chat("12+30=?", seed=1, **LONG),
    chat("37*48=?", seed=2, **LONG, frequency_penalty=0.5, top_p=0.9),
    chat("48291+7734=?", seed=3, **LONG, thinking_budget=60),
    chat("7*8=?", seed=4, **LONG, stop=["no such words"]),
    chat("7*8=?", seed=5, temperature=1, max_tokens=400, guided_regex="[a-z ]{120,150}"),
    chat("48291+7734=?", seed=6),
    chat("37*48=?", seed=7, tools=[TOOL], tool_choice="required"),
    (COMPLETION, {"prompt": "12+", "seed": 8, "echo": True, **LONG}),
]


class Seen(collections.namedtuple("Seen", "text reasoning calls finish usage roles ends ids")):
    """What a client has of a stream, whatever its pieces were."""


def seen_of(text: str) -> Seen:
    texts = collections.defaultdict(str)
    roles, ends, usage, ids = 0, 0, None, set()
    for line in text.split("\n"):
        if not line.startswith("data: "):
            assert not line or line.startswith(":"), line
            continue
        if line == "data: [DONE]":
            ends += 1
            continue
        event = json.loads(line[6:])
        assert "error" not in event, event
        ids.add((event["id"], event["created"]))
        if event.get("usage"):
            usage = {k: v for k, v in event["usage"].items() if k.endswith("_tokens") and "cache" not in k}
        for choice in event["choices"]:
            delta = choice.get("delta", {})
            roles += "role" in delta
            texts["text"] += choice.get("text") or delta.get("content") or ""
            texts["reasoning"] += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls", []):
                texts["calls"] += call["function"].get("name", "") + call["function"].get("arguments", "")
            texts["finish"] += choice["finish_reason"] or ""
    return Seen(texts["text"], texts["reasoning"], texts["calls"], texts["finish"], usage, roles, ends,
                len(ids))


def ask(port: int, path: str, body: dict, stream: bool = True):
    """Status, text, and the longest wait between two reads."""
    data = json.dumps({**body, "stream": stream, **({"stream_options": {"include_usage": True}}
                                                    if stream else {})})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=90)) as connection:
        connection.request("POST", path, data)
        reply = connection.getresponse()
        text, longest, last = b"", 0.0, time.monotonic()
        while piece := reply.read1(65536):
            now = time.monotonic()
            longest, last, text = max(longest, now - last), now, text + piece
    return reply.status, text.decode(), longest


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Replica:
    def __init__(self, flags: list[str]):
        self.port, self.flags = free_port(), flags
        self.start()

    def start(self):
        self.server = Server(*self.flags, port=self.port)
        self.process = self.server.process

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.server.log.close()

    def fail(self, rng: random.Random):
        """Dies, or falls silent for longer than the gateway waits."""
        if rng.random() < 5 / 6:
            self.kill()
            self.start()
        else:
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(STALL_SECONDS + 1)
            self.process.send_signal(signal.SIGCONT)


class Gateway:
    """`hearth gateway` over these replicas; `with` ends it and insists on exit code 0."""

    def __init__(self, replicas: list[Replica], *flags: str, ready: bool = True):
        self.log = tempfile.TemporaryFile("w+")
        addresses = [f for r in replicas for f in ("--replica", f"http://127.0.0.1:{r.port}")]
        self.process = subprocess.Popen(
            [BINARY, "gateway", "--listen", "127.0.0.1:0", "--json", "--check-seconds", "0.2",
             "--stall-seconds", str(STALL_SECONDS), *addresses, *flags],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line, self.logged()
        self.port = json.loads(line)["port"]
        if ready:
            wait(lambda: self.get("/ready")[0] == 200)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        assert code == 0, (code, self.logged()[-2000:])
        self.log.close()

    def logged(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def get(self, path: str):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as c:
            c.request("GET", path)
            reply = c.getresponse()
            return reply.status, reply.read().decode(), dict(reply.headers)

    def resumed(self) -> int:
        return int(re.search(r"^hearth_gateway_resumed_total (\d+)$", self.get("/metrics")[1], re.M)[1])


def wait(true_soon, seconds: float = 30):
    end = time.monotonic() + seconds
    while not true_soon():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


class GatewayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        key = folder / "resume.key"
        key.write_text(secrets.token_hex(32) + "\n")
        cls.flags = ["--resume-key", str(key), "--no-log-requests", "--threads", "1",
                     "--drain-seconds", "0"]
        cls.replicas = [Replica(cls.flags) for _ in range(3)]
        for replica in cls.replicas:
            cls.addClassCleanup(replica.kill)
        cls.gateway = cls.enterClassContext(Gateway(cls.replicas))
        cls.right = [seen_of(ask(cls.replicas[0].port, *r)[1]) for r in REQUESTS]
        for seen in cls.right:
            assert seen.ends == 1 and seen.finish and seen.ids == 1, seen

    def test_a_stream_through_the_gateway_is_the_replicas_own(self):
        for request, right in zip(REQUESTS, self.right):
            status, text, _ = ask(self.gateway.port, *request)
            self.assertEqual((status, seen_of(text)), (200, right))
            self.assertNotIn(": tokens", text)
            self.assertNotIn(": resume", text)

    def cut(self, disturb, **members) -> str:
        """A stream of which a part is there when its replica is disturbed."""
        data = json.dumps({**REQUESTS[0][1], "stream": True, "stream_options": {"include_usage": True},
                           **members})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.gateway.port)) as c:
            c.request("POST", CHAT, data)
            reply = c.getresponse()
            text = b""
            while text.count(b"data:") < 20:
                piece = reply.read1(65536)
                self.assertTrue(piece, text)
                text += piece
            victim = next(r for r in self.replicas if r.server.metric("num_requests_running"))
            disturb(victim)
            text += reply.read()
        victim.start()
        return text.decode()

    def test_a_stream_outlives_its_replica(self):
        before = self.gateway.resumed()
        self.assertEqual(seen_of(self.cut(Replica.kill)), self.right[0])
        self.assertEqual(self.gateway.resumed(), before + 1)

    def test_a_stream_outlives_a_shutdown_that_is_in_a_hurry(self):
        def shut_down(replica: Replica):
            replica.process.send_signal(signal.SIGTERM)
            replica.process.wait()
            replica.kill()

        before = self.gateway.resumed()
        self.assertEqual(seen_of(self.cut(shut_down)), self.right[0])
        self.assertEqual(self.gateway.resumed(), before + 1)

    def test_a_stream_that_cannot_go_on_says_so(self):
        last, done = self.cut(Replica.kill, logprobs=True).rstrip("\n").split("\n\n")[-2:]
        self.assertEqual(json.loads(last[6:])["error"]["code"], "replica_lost")
        self.assertEqual(done, "data: [DONE]")

    def test_without_a_replica_a_client_is_told_at_once(self):
        nobody = Replica.__new__(Replica)
        nobody.port = free_port()
        with Gateway([nobody], "--wait-seconds", "0.3", ready=False) as gateway:
            for stream in (False, True):
                status, text, _ = ask(gateway.port, *REQUESTS[0], stream=stream)
                self.assertEqual((status, json.loads(text)["error"]["code"]), (503, "no_replica"))
            self.assertEqual(gateway.get("/ready")[0], 503)
            self.assertEqual(gateway.get("/health")[0], 200)
            self.assertEqual(gateway.get("/v1/adapters")[0], 404)

    def test_streams_survive_faults_at_random_moments(self):
        rng = random.Random(FAULTS)
        over = threading.Event()
        waits, failures, streams = [], [], collections.Counter()

        def client(number: int):
            own = random.Random(number)
            while not over.is_set():
                which = own.randrange(len(REQUESTS))
                stream = own.random() < 0.9
                status, text, longest = ask(self.gateway.port, *REQUESTS[which], stream=stream)
                streams[stream] += 1
                try:
                    if stream:
                        waits.append(longest)
                        assert (status, seen_of(text)) == (200, self.right[which])
                    else:
                        right = self.right[which]
                        message = json.loads(text)["choices"][0]
                        found = message.get("text", (message.get("message") or {}).get("content")) or ""
                        assert (status, found, message["finish_reason"]) == (200, right.text, right.finish)
                except (AssertionError, KeyError, ValueError) as wrong:
                    failures.append((which, stream, status, str(wrong)[:300], text[-300:]))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client, number) for number in range(6)]
            for _ in range(FAULTS):
                time.sleep(rng.uniform(0.02, 0.4))
                rng.choice(self.replicas).fail(rng)
            over.set()
            for one in clients:
                one.result()
        total = sum(streams.values())
        waits.sort()
        print(f"{FAULTS} faults, {total} answers, {self.gateway.resumed()} resumed, {len(failures)} "
              f"wrong; longest silence of a stream: p50 {waits[len(waits) // 2]:.2f} s, "
              f"p99 {waits[len(waits) * 99 // 100]:.2f} s, max {waits[-1]:.2f} s", file=sys.stderr)
        self.assertLessEqual(len(failures), total // 1000, failures[:3])
        self.assertGreater(self.gateway.resumed(), FAULTS // 4)


if __name__ == "__main__":
    unittest.main(argv=["gateway_test.py"])
