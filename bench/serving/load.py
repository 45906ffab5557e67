#!/usr/bin/env python3
"""How Hearth serves many at once, beside llama.cpp's server on the same GGUF file in turn: A B A B.

    HEARTH_PEER_LLAMA=.../llama.cpp/build/bin \\
        bench/serving/load.py --pairs 3 --threads 2 model-Q8_0.gguf
    bench/serving/load.py --llama .../llama.cpp/build/bin --smoke   # a minute: do all of them run?

The servers run one after the other, never together; each pair gives one ratio for each figure, the
table shows the median of the ratios with their ends. Workloads:

  closed   8 streams, each asks again as soon as it is answered: prompts of 128, answers of 64 tokens
  trace    requests at the times of --trace FILE (Azure's TIMESTAMP,ContextTokens,GeneratedTokens),
           --trace-speed times as fast, lengths cut to 1,024 and 64 tokens
  behind   a prompt of 128 tokens behind seven busy streams, beside the same prompt alone; of Hearth
           also over the time of the steps that computed it, as the server's metrics tell: the
           bound is 1.2
  prefix   a prompt of 1,000 tokens again: time to its first token when it is known, and when not

Prompts are random token ids from a seed; answers are drawn from the letters a to z (logit_bias), so
that every token is a text that the client sees, and every answer has its length. Standard output is a markdown table; --json FILE keeps every single figure.
"""

import argparse
import asyncio
import csv
import datetime
import itertools
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time

from stream import Answer, ModelFacts, Server, add_servers, complete, tiny_model

PROMPT, ANSWER = 128, 64
CONTEXT = 2048  # of one stream
TRACE_PROMPT_MAX = 1024


class Asker:
    """Makes requests of given lengths; the same ones in the same order for every server."""

    def __init__(self, port: int, facts: ModelFacts):
        self.port, self.facts = port, facts
        self.random = random.Random(20261127)

    def prompt(self, tokens: int) -> list[int]:
        """Of ordinary tokens: the first and the last ids are those of control tokens."""
        vocab = self.facts.vocab
        return [self.random.randrange(vocab // 2, vocab - vocab // 100) for _ in range(tokens)]

    async def ask(self, prompt: list[int], tokens: int) -> Answer:
        return await complete(self.port, {
            "prompt": prompt, "max_tokens": tokens, "temperature": 0,
            "logit_bias": {str(self.facts.end_id): -100} |
                          {str(letter): 100 for letter in self.facts.letters}})


def checked(answers: list[Answer], tokens: int | None = None) -> list[Answer]:
    """A figure of answers that broke would be no figure."""
    for a in answers:
        if a.error or not a.ended or not a.arrivals or (tokens and a.tokens != tokens):
            raise RuntimeError(f"expected a whole answer, found {a.tokens} tokens {a.error}")
    return answers


def quantile(values: list[float], share: float) -> float:
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


async def closed(asker: Asker, options) -> dict:
    async def client() -> list[Answer]:
        return [await asker.ask(asker.prompt(PROMPT), ANSWER) for _ in range(options.requests)]

    start = time.monotonic()
    nested = await asyncio.gather(*[client() for _ in range(options.streams)])
    seconds = time.monotonic() - start
    answers = checked(list(itertools.chain(*nested)), ANSWER)
    gaps = [gap for a in answers for gap in a.gaps]
    return {"closed tok/s": sum(a.tokens for a in answers) / seconds,
            "closed p95 gap ms": 1e3 * quantile(gaps, 0.95),
            "closed median first ms": 1e3 * statistics.median(a.first for a in answers)}


def read_trace(path: str, count: int) -> list[tuple[float, int, int]]:
    """(seconds since the first, prompt tokens, answer tokens) of the first `count` requests."""
    out = []
    with open(path, newline="") as file:
        for row in itertools.islice(csv.DictReader(file), count):
            at = datetime.datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp()
            out.append((at, min(int(row["ContextTokens"]), TRACE_PROMPT_MAX),
                        max(2, min(int(row["GeneratedTokens"]), ANSWER))))
    return [(at - out[0][0], prompt, answer) for at, prompt, answer in out]


async def trace(asker: Asker, options) -> dict:
    requests = read_trace(options.trace, options.trace_requests)
    start = time.monotonic()

    async def one(at: float, prompt: int, answer: int) -> Answer:
        await asyncio.sleep(max(0.0, start + at / options.trace_speed - time.monotonic()))
        return await asker.ask(asker.prompt(prompt), answer)

    answers = checked(await asyncio.gather(*[one(*r) for r in requests]))
    seconds = time.monotonic() - start
    gaps = [gap for a in answers for gap in a.gaps]
    return {"trace tok/s": sum(a.tokens for a in answers) / seconds,
            "trace p95 gap ms": 1e3 * quantile(gaps, 0.95),
            "trace p95 first ms": 1e3 * quantile([a.first for a in answers], 0.95)}


def prompt_steps(server: Server) -> tuple[float, float]:
    """How many steps of Hearth's engine have computed chunks of prompts, and their seconds."""
    found = {}
    for line in server.get("/metrics").splitlines():
        for what in ("count", "sum"):
            if line.startswith(f"hearth_prompt_step_seconds_{what}{{"):
                found[what] = float(line.rsplit(" ", 1)[1])
    return found.get("count", 0.0), found.get("sum", 0.0)


async def over_its_chunk(asker: Asker, server: Server) -> tuple[Answer, float | None]:
    """An answer, and its time to the first token over that of the steps that computed its prompt, by
    the server's own clock; None where the server doesn't tell. Only decoding may run beside it."""
    if server.name != "hearth":
        return await asker.ask(asker.prompt(PROMPT), 2), None
    count, seconds = await asyncio.to_thread(prompt_steps, server)
    answer = await asker.ask(asker.prompt(PROMPT), 2)
    steps, chunks = await asyncio.to_thread(prompt_steps, server)
    if not 1 <= steps - count <= PROMPT / 16:
        raise RuntimeError(f"expected the steps of one prompt, found {steps - count:.0f}")
    return answer, checked([answer])[0].first / (chunks - seconds)


async def behind(asker: Asker, options) -> dict:
    alone = [checked([await asker.ask(asker.prompt(PROMPT), 2)])[0].first for _ in range(5)]
    busy = [asyncio.create_task(asker.ask(asker.prompt(PROMPT), 1200)) for _ in range(7)]
    await asyncio.sleep(options.settle_seconds)
    crowded, ratios = [], []
    for _ in range(options.newcomers):
        # At any moment of a step.
        await asyncio.sleep(asker.random.random() * min(1, options.settle_seconds))
        answer, ratio = await over_its_chunk(asker, options.server)
        crowded.append(checked([answer])[0].first)
        ratios += [] if ratio is None else [ratio]
    still_busy = all(not task.done() for task in busy)
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    if not still_busy:
        raise RuntimeError("the seven streams ended before they were measured against")
    out = {"behind first ms, alone": 1e3 * statistics.median(alone),
           "behind first ms, behind 7": 1e3 * statistics.median(crowded)}
    if ratios:
        out |= {"behind first token / its chunk": statistics.median(ratios),
                "behind first token / its chunk, worst": max(ratios)}
    return out


async def prefix(asker: Asker, options) -> dict:
    miss, hit = [], []
    for _ in range(3):
        prompt = asker.prompt(1000)
        miss.append(checked([await asker.ask(prompt, 2)])[0].first)
        hit.append(checked([await asker.ask(prompt, 2)])[0].first)
    return {"prefix first ms, miss": 1e3 * statistics.median(miss),
            "prefix first ms, hit": 1e3 * statistics.median(hit)}


WORKLOADS = {"closed": closed, "trace": trace, "behind": behind, "prefix": prefix}


def run(server: Server, options) -> dict:
    with server:
        asker, options.server = Asker(server.port, options.facts), server
        asyncio.run(asker.ask(asker.prompt(16), 4))  # warms up
        out = {}
        for name in options.workloads:
            out |= asyncio.run(WORKLOADS[name](asker, options))
    print(f"{server.name}: {json.dumps({k: round(v, 2) for k, v in out.items()})}",
          file=sys.stderr)
    return out


def table(ours: list[dict], theirs: list[dict]) -> str:
    lines = ["| figure | Hearth | llama.cpp | ratio (ends) |", "|---|---|---|---|"]
    for name in ours[0]:
        mine = statistics.median(run[name] for run in ours)
        digits = 2 if mine < 10 else 1
        if not theirs or name not in theirs[0]:
            lines.append(f"| {name} | {mine:.{digits}f} | – | – |")
            continue
        ratios = sorted(a[name] / b[name] for a, b in zip(ours, theirs))
        peer = statistics.median(run[name] for run in theirs)
        lines.append(f"| {name} | {mine:.{digits}f} | {peer:.{digits}f} | {statistics.median(ratios):.2f} "
                     f"({ratios[0]:.2f}–{ratios[-1]:.2f}) |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="GGUF file")
    add_servers(parser)
    parser.add_argument("--smoke", action="store_true", help="a tiny network, once, no figures")
    parser.add_argument("--workloads", default="closed,behind,prefix")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--requests", type=int, default=3, help="of each stream")
    parser.add_argument("--newcomers", type=int, default=9, help="behind the seven streams")
    parser.add_argument("--settle-seconds", type=float, default=20)
    parser.add_argument("--trace", help="CSV of arrival times")
    parser.add_argument("--trace-requests", type=int, default=40)
    parser.add_argument("--trace-speed", type=float, default=1.0)
    parser.add_argument("--json", help="where to keep every figure")
    options = parser.parse_args()
    if options.smoke:
        options.pairs, options.requests, options.newcomers, options.settle_seconds = 1, 1, 2, 0.2
    elif not options.model:
        parser.error("expected a GGUF file, or --smoke")
    options.workloads = options.workloads.split(",")
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"--workloads: expected some of {', '.join(WORKLOADS)}, found {name}")
    if "trace" in options.workloads and not options.trace:
        parser.error("--trace: expected a file for the workload `trace`, found none")
    return options


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        if options.smoke:
            options.model = tiny_model(options.hearth, folder)
        options.facts = ModelFacts.of(options.hearth, options.model)
        ours, theirs = [], []
        for _ in range(options.pairs):
            ours.append(run(Server.hearth(options.hearth, options.model, options.streams,
                                          options.threads, CONTEXT), options))
            if options.llama:
                theirs.append(run(Server.llama(options.llama, options.model, options.streams,
                                               options.threads, CONTEXT), options))
    print(table(ours, theirs))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"hearth": ours, "llama.cpp": theirs}))


if __name__ == "__main__":
    main()
