#!/usr/bin/env python3
"""A crowd for a while: N streams at once on the bundled model, each asking again when it is
answered, some hanging up in the middle. At the end every stream must have been answered whole or
with an error object, and the server's own count must balance:

    bench/serving/soak.py --streams 1000 --seconds 600

admitted = completed + failed + cancelled. Prints one JSON object; exits with 1 if anything was lost.
"""

import argparse
import asyncio
import collections
import json
import random
import resource
import sys
import time

from stream import REPO, Answer, Server, complete, environment

HANG_UP_SHARE = 0.02
LOST_SHOWN = 5


def outcome(answer: Answer) -> str:
    if answer.ended and not answer.error:
        return "complete"
    if answer.error.startswith("{"):  # an error object, in place of the answer or within it
        return "error"
    return "lost"


async def client(port: int, number: int, end: float, counts: collections.Counter, lost: list):
    numbers = random.Random(number)
    while time.monotonic() < end:
        a, b = numbers.randrange(10000), numbers.randrange(10000)
        task = asyncio.ensure_future(complete(
            port, {"messages": [{"role": "user", "content": f"{a}+{b}=?"}], "max_tokens": 200},
            "/v1/chat/completions"))
        if numbers.random() < HANG_UP_SHARE:
            await asyncio.wait([task], timeout=numbers.random() * 5)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                counts["hung up"] += 1
                continue
        answer = await task
        counts[outcome(answer)] += 1
        counts["tokens"] += answer.tokens
        if outcome(answer) == "lost":
            lost.append(answer.error or "ended without [DONE]")
        elif answer.error:
            await asyncio.sleep(1)  # as Retry-After asks


def counters(text: str) -> dict[str, int]:
    """Sums of the counters of requests over their labels."""
    out: collections.Counter = collections.Counter()
    for line in text.splitlines():
        name = line.split("{")[0].split(" ")[0]
        if name.startswith("hearth_requests_") and name.endswith("_total"):
            out[name.removeprefix("hearth_requests_").removesuffix("_total")] += int(
                float(line.rsplit(" ", 1)[1]))
    return out


async def crowd(port: int, streams: int, seconds: float):
    counts: collections.Counter = collections.Counter()
    lost: list[str] = []
    end = time.monotonic() + seconds
    await asyncio.gather(*[client(port, i, end, counts, lost) for i in range(streams)])
    return counts, lost


def settled(server: Server) -> dict[str, int]:
    """The server's counts once nothing runs any more."""
    end = time.monotonic() + 60
    while True:
        found = counters(server.get("/metrics"))
        ended = found["completed"] + found["failed"] + found["cancelled"]
        if found["admitted"] == ended or time.monotonic() > end:
            return found
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    binary, _ = environment()
    server = Server.hearth(binary, str(REPO / "assets/mini"), 64, options.threads, 1024,
                           "--max-queue", str(options.streams * 2))
    with server:
        at_start = server.peak_bytes()
        counts, lost = asyncio.run(crowd(server.port, options.streams, options.seconds))
        found = settled(server)
        peak = server.peak_bytes()
    balanced = found["admitted"] == found["completed"] + found["failed"] + found["cancelled"]
    print(json.dumps({"streams": options.streams, "seconds": options.seconds, **counts,
                      "server": found, "balanced": balanced, "peak_bytes": peak,
                      "bytes_when_ready": at_start, "lost_for": lost[:LOST_SHOWN]}))
    sys.exit(0 if balanced and not lost and counts["complete"] else 1)


if __name__ == "__main__":
    main()
