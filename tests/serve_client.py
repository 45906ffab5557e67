"""A server under test and a client that speaks to it over real sockets: `hearth serve` on a free
port. Standard library only."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from command import BINARY, MINI, REPO, Log

# An answer that goes on and on: its end is never drawn.
ENDLESS = {"temperature": 1, "logit_bias": {"1": -100}, "max_tokens": 1500}


def write_adapter(folder: str, size: float):
    """A LoRA adapter of the bundled model's o_proj as PEFT saves one, its numbers of about `size`."""
    mini = json.loads((REPO / "assets/mini/config.json").read_text())
    width, out = mini["num_attention_heads"] * mini["v_head_dim"], mini["hidden_size"]
    module = "base_model.model.model.layers.0.self_attn.o_proj"
    shapes = {f"{module}.lora_A.weight": [1, width], f"{module}.lora_B.weight": [out, 1]}
    header, values = {}, []
    for name, (rows, columns) in shapes.items():
        begin = 4 * len(values)
        values += [size * (-1) ** (i % 3) for i in range(rows * columns)]
        header[name] = {"dtype": "F32", "shape": [rows, columns],
                        "data_offsets": [begin, 4 * len(values)]}
    text = json.dumps(header).encode()
    os.mkdir(folder)
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["o_proj"]}
    pathlib.Path(folder, "adapter_config.json").write_text(json.dumps(config))
    pathlib.Path(folder, "adapter_model.safetensors").write_bytes(
        len(text).to_bytes(8, "little") + text + struct.pack(f"<{len(values)}f", *values))


class Server:
    """A running server; `with` ends it and insists on exit code 0. `inside`: a command that runs it
    somewhere else, such as in a network namespace."""

    def __init__(self, *args: str, model: str = MINI, host: str = "127.0.0.1", port: int = 0,
                 inside: tuple[str, ...] = ()):
        self.log = Log()
        self.host = host
        self.process = subprocess.Popen(
            [*inside, BINARY, "serve", "--model", model, "--host", host, "--port", str(port), "--json",
             *args],
            stdout=subprocess.PIPE, stderr=self.log.file, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"no server: {self.logged()}")
        self.announced = json.loads(line)
        self.port = self.announced["port"]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=90)
        self.process.stdout.close()
        if kind is None and code != 0:
            raise AssertionError(f"exit code {code}: {self.logged()[-2000:]}")
        self.log.close()

    def logged(self) -> str:
        return self.log.text()

    @contextlib.contextmanager
    def slowed(self):
        """It runs a twenty-fifth of the time: an answer lasts long enough to be met amid it on a fast machine."""
        ended = threading.Event()

        def stutter():
            while not ended.is_set():
                self.process.send_signal(signal.SIGSTOP)
                ended.wait(0.048)
                self.process.send_signal(signal.SIGCONT)
                ended.wait(0.002)

        thread = threading.Thread(target=stutter)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(self, method: str, path: str, body=None, **headers):
        """Status, headers, and the body: JSON where it is."""
        with contextlib.closing(self.connect()) as connection:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, headers)
            reply = connection.getresponse()
            text = reply.read()
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        return reply.status, reply.headers, json.loads(text) if is_json else text.decode()

    def chat(self, question: str = "12+30=?", **members):
        body = {"messages": [{"role": "user", "content": question}], **members}
        return self.ask("POST", "/v1/chat/completions", body)

    def events(self, question: str = "12+30=?", **members) -> list[dict]:
        """The events of a stream, which must end in [DONE]."""
        status, _, text = self.chat(question, stream=True, **members)
        assert status == 200, text
        lines = [line for line in text.split("\n") if line and not line.startswith(":")]
        assert lines[-1] == "data: [DONE]", lines[-1]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]

    def raw(self, data: bytes, seconds: float = 20, finish: bool = False) -> bytes:
        """What comes back to these bytes, until the server closes or the first reply is whole."""
        with socket.create_connection((self.host, self.port), timeout=seconds) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(data)
                if finish:
                    sock.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                while piece := sock.recv(65536):
                    answer += piece
                    head, _, rest = answer.partition(b"\r\n\r\n")
                    length = re.search(rb"Content-Length: (\d+)", head)
                    if length and len(rest) >= int(length[1]):
                        break
            return answer

    def start_stream(self, **members) -> socket.socket:
        """A stream of which nothing has been read yet."""
        return self.start("/v1/chat/completions",
                          {"messages": [{"role": "user", "content": "7*8=?"}], "stream": True,
                           **members})

    def start(self, path: str, body: dict) -> socket.socket:
        """A request of whose answer nothing has been read yet."""
        data = json.dumps(body).encode()
        sock = socket.create_connection((self.host, self.port), timeout=60)
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
                     .encode() + data)
        return sock

    def metric(self, name: str, **headers) -> float:
        _, _, text = self.ask("GET", "/metrics", **headers)
        values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                  if line.startswith(f"hearth_{name}{{")]
        return sum(values)

    def steps_with_over(self, sequences: int) -> float:
        """Steps of the engine so far that had more sequences; a bound of the histogram's buckets."""
        _, _, text = self.ask("GET", "/metrics")
        values = {line[:line.rfind(" ")]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                  if line.startswith(("hearth_step_sequences_bucket", "hearth_step_sequences_count"))}
        return (sum(v for key, v in values.items() if "_count" in key)
                - sum(v for key, v in values.items() if f'le="{sequences}"' in key))

    def wait_for_metric(self, name: str, value: float, seconds: float = 30):
        end = time.monotonic() + seconds
        while (found := self.metric(name)) != value:
            if time.monotonic() > end:
                raise AssertionError(f"hearth_{name}: expected {value}, found {found}")
            time.sleep(0.02)


def read_stream(sock: socket.socket, begun: threading.Event | None = None) -> list[dict]:
    """The events of a stream up to its [DONE]; `begun` is set at its first bytes. None may be an error."""
    with sock:
        sock.settimeout(120)
        seen = b""
        while not seen.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
            piece = sock.recv(65536)
            assert piece, f"a stream broke behind {seen[-200:]!r}"
            seen += piece
            if begun:
                begun.set()
    events = [json.loads(line[6:]) for line in seen.decode().split("\n") if line.startswith("data: {")]
    assert events and all("error" not in event for event in events), seen[-500:]
    return events


class Neighbour:
    """One stream after the other as long as `with` lasts, each held to what it says alone: whatever
    happens meanwhile happens beside a stream."""

    ASKED = {**ENDLESS, "prompt": "7*8=?", "seed": 7, "max_tokens": 300, "stream": True}

    def __init__(self, server: Server, alone: str):
        self.server, self.alone = server, alone
        self.begun, self.over = threading.Event(), threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.run)

    @classmethod
    def text(cls, server: Server, begun: threading.Event | None = None) -> str:
        """What it says alone."""
        events = read_stream(server.start("/v1/completions", cls.ASKED), begun)
        return "".join(choice["text"] for event in events for choice in event["choices"])

    def run(self):
        try:
            while not self.over.is_set():
                said = self.text(self.server, self.begun)
                assert said == self.alone, f"a neighbour's stream changed: {said[:200]}"
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error
            self.begun.set()

    def __enter__(self):
        self.thread.start()
        assert self.begun.wait(120), "no stream began"
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if self.failure:
            raise self.failure


def text_of(events: list[dict], field: str = "content") -> str:
    return "".join(choice["delta"].get(field) or "" for e in events for choice in e["choices"])
