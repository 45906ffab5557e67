#!/usr/bin/env python3
"""A crowd for a while: N streams at once on the bundled model, each asking again when it is
answered, some hanging up in the middle. At the end every stream must have been answered whole or
with an error object, and the server's own count must balance:

    bench/serving/soak.py --streams 1000 --seconds 600
    bench/serving/soak.py --llama .../llama.cpp/build/bin --peer --model model.gguf ...

admitted = completed + failed + cancelled, and its memory must have kept to the budget that it stated
at its start: a peak of at most 1.05 times it. Prints one JSON object (`peak_over_budget` is that
ratio); exits with 1, and says why, where one of the three doesn't hold. With --peer the same crowd meets
llama.cpp's server, which keeps no such accounts; its answers are counted all the same.
"""

import argparse
import asyncio
import collections
import json
import random
import resource
import sys
import time

from stream import REPO, Answer, Server, add_servers, complete

HANG_UP_SHARE = 0.02
LOST_SHOWN = 5
SEQUENCES, CONTEXT = 64, 1024
PEAK_MAX = 1.05  # of the stated budget
ANSWER_SECONDS_MAX = 600  # a stream that says nothing for so long is lost


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
            "/v1/chat/completions", timeout=ANSWER_SECONDS_MAX))
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


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default=str(REPO / "assets/mini"))
    parser.add_argument("--peer", action="store_true", help="ask llama.cpp's server instead")
    add_servers(parser)
    options = parser.parse_args()
    if options.peer and not options.llama:
        parser.error("--peer: expected --llama, the folder of llama.cpp's programs")
    return options


def serve(options) -> Server:
    if options.peer:
        return Server.llama(options.llama, options.model, SEQUENCES, options.threads, CONTEXT)
    # Few more connections than come (some are still closing when their clients come again): the
    # budget is to be as tight as the server can state it.
    return Server.hearth(options.hearth, options.model, SEQUENCES, options.threads, CONTEXT,
                         "--max-queue", str(options.streams * 2),
                         "--max-connections", str(options.streams * 3 // 2 + 64))


def accounts(server: Server) -> dict:
    """What Hearth's own counters say, once nothing runs any more."""
    found = settled(server)
    balanced = found["admitted"] == found["completed"] + found["failed"] + found["cancelled"]
    return {"server": found, "balanced": balanced}


def complaints(out: dict, lost: list) -> list[str]:
    """What does not hold of the promises, each in a line."""
    wrong = []
    if lost:
        wrong.append(f"{len(lost)} streams ended without an answer or an error")
    if not out.get("complete"):
        wrong.append("no stream was answered whole")
    if not out.get("balanced", True):
        wrong.append(f"the server's own count doesn't balance: {out['server']}")
    if out.get("peak_over_budget", 0) > PEAK_MAX:
        wrong.append(f"expected a peak of at most {PEAK_MAX} x the stated {out['budget']['total_bytes']} "
                     f"bytes, found {out['peak_bytes']}")
    return wrong


def main():
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = serve(options)
    with server:
        out = {"server_name": server.name, "streams": options.streams, "seconds": options.seconds}
        if not options.peer:
            out["budget"] = json.loads(server.get("/health?verbose"))["memory"]
        counts, lost = asyncio.run(crowd(server.port, options.streams, options.seconds))
        out |= counts
        if not options.peer:
            out |= accounts(server)
        out["peak_bytes"] = server.peak_bytes()
    if "budget" in out:
        out["peak_over_budget"] = round(out["peak_bytes"] / out["budget"]["total_bytes"], 3)
    print(json.dumps(out | {"lost_for": lost[:LOST_SHOWN]}))
    wrong = complaints(out, lost)
    for line in wrong:
        print(f"soak: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
