"""One streamed completion, timed as its client sees it, and the servers that are asked. Both speak
OpenAI's `/v1/completions` over server-sent events. Standard library only."""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import string
import subprocess
import time
import urllib.request

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
START_SECONDS_MAX = 300


@dataclasses.dataclass
class Answer:
    """When each piece of an answer's text arrived, in seconds of one clock."""
    sent: float
    arrivals: list[float] = dataclasses.field(default_factory=list)
    tokens: int = 0
    cached: int = 0
    ended: bool = False  # by [DONE]
    error: str = ""      # what the server, or the connection, said instead of an answer

    @property
    def first(self) -> float:
        return self.arrivals[0] - self.sent

    @property
    def gaps(self) -> list[float]:
        """Seconds between pieces that came one after the other: a token each, or several."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:])]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Server:
    """A server of one model file; `with` starts it, waits until it is ready, and ends it."""

    def __init__(self, name: str, command: list[str], port: int):
        self.name, self.command, self.port = name, command, port

    @staticmethod
    def hearth(binary: str, model: str, streams: int, threads: int, context: int,
               *more: str) -> "Server":
        port = free_port()
        return Server("hearth", [
            binary, "serve", "--model", model, "--port", str(port), "--threads", str(threads),
            "--ctx", str(context), "--max-sequences", str(streams), "--no-log-requests", *more],
            port)

    @staticmethod
    def llama(folder: str, model: str, streams: int, threads: int, context: int) -> "Server":
        port = free_port()
        return Server("llama.cpp", [
            str(pathlib.Path(folder) / "llama-server"), "-m", model, "--port", str(port),
            "-t", str(threads), "-tb", str(threads), "-c", str(context * streams),
            "-np", str(streams), "-fa", "on", "--no-webui"], port)

    def __enter__(self) -> "Server":
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(self.command)}: does not serve")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health") as reply:
                return reply.status == 200
        return False

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as reply:
            return reply.read().decode()

    def peak_bytes(self) -> int:
        """Most memory of the process so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


async def complete(port: int, body: dict, path: str = "/v1/completions",
                   timeout: float | None = None) -> Answer:
    """Asks for a stream and reads it to its end; past `timeout` seconds it is broken."""
    answer = Answer(sent=time.monotonic())
    data = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            answer.sent = time.monotonic()
            writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                         f"\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                         + data)
            await asyncio.wait_for(_read(reader, answer), timeout)
        finally:
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as failure:
        answer.error = answer.error or f"{type(failure).__name__}: {failure}"
    return answer


async def _read(reader: asyncio.StreamReader, answer: Answer):
    status = (await reader.readline()).split(b" ")[1:2]
    while (await reader.readline()).strip():
        pass
    if status != [b"200"]:
        answer.error = (await reader.read(4096)).decode(errors="replace").strip()
        return
    while line := await reader.readline():
        if not line.startswith(b"data: "):  # a chunk's length, a comment, an empty line
            continue
        text = line[6:].strip()
        if text == b"[DONE]":
            answer.ended = True
            return
        _take(json.loads(text), answer)


def _take(event: dict, answer: Answer):
    if "error" in event:
        answer.error = json.dumps(event["error"])
    usage = event.get("usage")
    if usage:  # in an event of its own, or in the last one of the answer
        answer.tokens = usage["completion_tokens"]
        answer.cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    for choice in event.get("choices", []):
        told = choice.get("text") or choice.get("delta", {}).get("content")
        # What a reader sees: a token that ends within a character shows nothing yet. llama.cpp sends
        # an event for it, Hearth waits for the rest; of neither it counts. An end without a text
        # counts where it is all that was shown of an answer.
        if told or (choice.get("finish_reason") and not answer.arrivals):
            answer.arrivals.append(time.monotonic())


def add_servers(parser: argparse.ArgumentParser):
    """Flags that say which programs are measured."""
    parser.add_argument("--hearth", default=os.environ.get("HEARTH_BINARY",
                                                           str(REPO / "build/hearth")))
    parser.add_argument("--llama", default=os.environ.get("HEARTH_PEER_LLAMA"),
                        help="folder of llama.cpp's programs; else HEARTH_PEER_LLAMA")


@dataclasses.dataclass
class ModelFacts:
    vocab: int
    end_id: int  # end of sequence
    letters: list[int]  # tokens that are a letter each

    @staticmethod
    def of(binary: str, model: str) -> "ModelFacts":
        """What a GGUF file says of itself."""
        told = subprocess.run([binary, "inspect", model, "--json"], capture_output=True, check=True)
        data = json.loads(told.stdout)["metadata"]
        letters = []
        for letter in string.ascii_lowercase:
            ids = subprocess.run([binary, "tokenize", "--model", model, "--no-bos", "--json"],
                                 input=letter.encode(), capture_output=True, check=True)
            letters += json.loads(ids.stdout)[:1]
        return ModelFacts(int(data[f"{json.loads(data['general.architecture'])}.vocab_size"]),
                          int(data["tokenizer.ggml.eos_token_id"]), letters)


def tiny_model(binary: str, folder: str) -> str:
    """A random network of a megabyte that both servers load: what --smoke runs."""
    path = str(pathlib.Path(folder) / "tiny.gguf")
    subprocess.run([binary, "tiny", "--arch", "qwen2", "--format", "q8_0", path], check=True,
                   capture_output=True)
    return path
