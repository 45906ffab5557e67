#!/usr/bin/env python3
"""How far `hearth bench`'s predictions lie from its measurements. Usage: bench/plan_accuracy.py
[BINARY] [--repeat 3] [--json FILE] [--only SUBJECT ...] [--depths 0,4096] [--batches 1,8]

The bundled model, the 1.5B shape and a slice of DeepSeek-V3's architecture, in three formats, at
depth 0 and 4,096, in batches of 1 and 8. Predictions stand on standard error before each
measurement; nothing is fitted. Exit code 1 where one misses the bounds: 3 % of peak memory, 15 % of
tokens a second. Only a machine that nobody else uses gives honest figures. Standard library only.
"""

import argparse
import json
import pathlib
import subprocess
import sys

MEMORY_BOUND = 0.03
SPEED_BOUND = 0.15
SUBJECTS = {
    # At depth 0 alone: within the bundled model's context.
    "mini": (["--model", "mini", "--prompt", "256"], ["auto", "q8_0", "q4_0"], "0"),
    "1.5B": (["--shape", "deepseek-r1-distill-qwen-1.5b"], ["bf16", "q8_0", "q4_k"], None),
    "ds3-mini": (["--shape", "ds3-mini"], ["bf16", "q8_0", "q4_k"], None),
}


def off(predicted: float, measured: float) -> float:
    return predicted / measured - 1


def lines_of(subject: list[str], form: str, depths: str, options: argparse.Namespace):
    command = [options.binary, "bench", "--gen", "32", *subject, "--format", form, "--depth", depths,
               "--batch", options.batches, "--repeat", str(options.repeat), "--json"]
    print("$", " ".join(command), file=sys.stderr)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        yield from (json.loads(line) for line in run.stdout)
    if run.returncode != 0:
        raise SystemExit(f"{command}: exit code {run.returncode}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", nargs="?", default="build/hearth")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", help="write all lines here")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--depths", default="0,4096", help="a depth is computed anew for each batch")
    parser.add_argument("--batches", default="1,8")
    options = parser.parse_args()
    lines, missed = [], 0
    print(f"{'subject':<10}{'format':<8}{'test':<16}{'predicted':>11}{'measured':>11}{'off':>8}"
          f"{'memory':>12}{'off':>8}")
    for name in options.only:
        subject, formats, depths = SUBJECTS[name]
        for form in formats:
            for line in lines_of(subject, form, depths or options.depths, options):
                speed = off(line["predicted_tok_s"], line["tok_s"])
                memory = off(line["predicted_peak_bytes"], line["peak_rss_bytes"])
                missed += (abs(speed) > SPEED_BOUND) + (abs(memory) > MEMORY_BOUND)
                lines.append(line)
                print(f"{name:<10}{line['format']:<8}{line['test']:<16}"
                      f"{line['predicted_tok_s']:>11.2f}{line['tok_s']:>11.2f}{speed:>+8.0%}"
                      f"{line['peak_rss_bytes'] / 1e6:>9.0f} MB{memory:>+8.1%}", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text("".join(json.dumps(x) + "\n" for x in lines))
    print(f"{missed} of {2 * len(lines)} predictions missed: more than {SPEED_BOUND:.0%} of speed "
          f"or {MEMORY_BOUND:.0%} of memory")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
