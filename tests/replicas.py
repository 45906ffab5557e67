"""Replicas of `hearth serve` behind `hearth gateway`, and clients whose answers are known."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import random
import re
import signal
import socket
import subprocess
import threading
import time

from command import Log
from serve_client import BINARY, ENDLESS, Server

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


def ask(at, path: str, body: dict, stream: bool = True):
    """Status, text, and the longest wait between two reads, of a replica or a gateway."""
    data = json.dumps({**body, "stream": stream, **({"stream_options": {"include_usage": True}}
                                                    if stream else {})})
    with contextlib.closing(http.client.HTTPConnection(at.host, at.port, timeout=90)) as connection:
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
    """A server at a port that stays its own when it dies and is started again. In a network namespace
    where `inside` enters it and `host` is its address."""

    def __init__(self, flags: list[str], host: str = "127.0.0.1", inside: tuple[str, ...] = ()):
        self.flags, self.host, self.inside = flags, host, inside
        self.port = 9471 if inside else free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self):
        self.server = Server(*self.flags, port=self.port, host=self.host, inside=self.inside)
        self.process = self.server.process

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.server.log.close()

    def restart(self):
        self.kill()
        self.start()

    def fall_silent(self):
        """For longer than the gateway waits."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(STALL_SECONDS + 1)
        self.process.send_signal(signal.SIGCONT)


class Gateway:
    """`hearth gateway` over these replicas; `with` ends it and insists on exit code 0."""

    host = "127.0.0.1"

    def __init__(self, replicas: list[Replica], *flags: str, ready: bool = True):
        self.log = Log()
        addresses = [f for r in replicas for f in ("--replica", r.url)]
        self.process = subprocess.Popen(
            [BINARY, "gateway", "--listen", "127.0.0.1:0", "--json", "--check-seconds", "0.2",
             "--stall-seconds", str(STALL_SECONDS), *addresses, *flags],
            stdout=subprocess.PIPE, stderr=self.log.file, text=True)
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
        return self.log.text()

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


class Load:
    """Clients in a closed loop. Every answer is held against `right`, the answers of a run that nothing
    disturbed, of which the test says afterwards how many may differ."""

    def __init__(self, gateway: Gateway, right: list[Seen]):
        self.gateway, self.right = gateway, right
        self.over = threading.Event()
        self.waits, self.failures = [], []
        self.answers = collections.Counter()

    def client(self, number: int):
        own = random.Random(number)
        while not self.over.is_set():
            which, stream = own.randrange(len(REQUESTS)), own.random() < 0.9
            status, text, longest = ask(self.gateway, *REQUESTS[which], stream=stream)
            self.answers[stream] += 1
            if stream:
                self.waits.append(longest)
            try:
                assert self.is_right(which, stream, status, text)
            except (AssertionError, KeyError, ValueError) as wrong:
                self.failures.append((which, stream, status, str(wrong)[:300], text[-300:]))

    def is_right(self, which: int, stream: bool, status: int, text: str) -> bool:
        right = self.right[which]
        if stream:
            return (status, seen_of(text)) == (200, right)
        message = json.loads(text)["choices"][0]
        found = message.get("text", (message.get("message") or {}).get("content")) or ""
        return (status, found, message["finish_reason"]) == (200, right.text, right.finish)

    def run(self, disturb, clients: int = 6):
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(self.client, number) for number in range(clients)]
            try:
                disturb()
            finally:
                self.over.set()
            for one in running:
                one.result()
        self.waits.sort()

    def total(self) -> int:
        return sum(self.answers.values())

    def silence(self, share: float) -> float:
        """That share of the streams was never silent for longer, in seconds."""
        return self.waits[min(len(self.waits) - 1, int(len(self.waits) * share))]
