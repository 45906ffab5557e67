#!/usr/bin/env python3
"""What the watermark costs a token: answers with and without it, in turns, each turn in the other
order; the share of decoding time that marking adds, with filters and without.
Usage: bench/watermark/cost.py build/hearth MODEL [--pairs N] [--tokens N] [--threads N]."""

import argparse
import json
import random
import statistics
import subprocess
import tempfile

SHAPES = {"nothing filtered": ["--temperature", "1", "--top-k", "0", "--top-p", "1"],
          "top-k 50, top-p 0.95": ["--temperature", "1", "--top-k", "50", "--top-p", "0.95"]}


def interval(shares: list[float]) -> tuple[float, float]:
    """Where the median lies in 95 of 100 drawings of such pairs."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(shares, k=len(shares))) for _ in range(4000))
    return medians[100], medians[3900]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        key = folder + "/mark.key"
        subprocess.run([options.binary, "watermark", "key", key, "--source", "bench/cost"],
                       check=True, capture_output=True)

        def milliseconds(flags: list[str], marked: bool, seed: int) -> float:
            mark = ["--watermark", "on", "--watermark-key-file", key, "--watermark-thinking"]
            out = subprocess.run(
                [options.binary, "generate", "--model", options.model, "--raw", "--prompt", "1 2 3",
                 "--max-tokens", str(options.tokens), "--draft", "off", "--seed",
                 str(seed), "--threads", str(options.threads), "--json", *flags,
                 *(mark if marked else [])], check=True, capture_output=True, text=True)
            timings = json.loads(out.stdout)["timings"]
            return timings["decode_ms"] / max(timings["decode_tokens"], 1)

        for name, flags in SHAPES.items():
            shares, plain = [], []
            for pair in range(options.pairs):
                order = (False, True) if pair % 2 == 0 else (True, False)
                took = {marked: milliseconds(flags, marked, pair) for marked in order}
                shares.append(100 * (took[True] / took[False] - 1))
                plain.append(took[False])
            low, high = interval(shares)
            print(json.dumps({"shape": name, "pairs": options.pairs,
                              "step_ms": round(statistics.median(plain), 2),
                              "mark_adds_percent": round(statistics.median(shares), 2),
                              "from": round(low, 2), "to": round(high, 2)}), flush=True)


if __name__ == "__main__":
    main()
