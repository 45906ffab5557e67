#!/usr/bin/env python3
"""Hearth beside llama.cpp and ik_llama.cpp on the same GGUF files, in turn: A B A B.

    HEARTH_PEER_LLAMA=.../llama.cpp/build/bin HEARTH_PEER_IK=.../ik_llama.cpp/build/bin \\
        bench/peers/compare.py --pairs 5 --threads 2 model-Q8_0.gguf model-Q4_0.gguf

A machine that others share changes its speed from minute to minute, so only the ratio of two runs
next to each other says something: each pair gives one ratio, the table shows their median and
spread. Standard output is a markdown table; --json FILE keeps every single figure. Shares are of
the best bandwidth and peak of all pairs; in brackets, of the bandwidth in the same run of Hearth.

Tests: pp512 reads a prompt, tg128 generates, tg32@4096 generates behind a context, `tg32 b8` in a
batch (with llama-batched-bench). The peers are built outside this repository; a variable that is
not set leaves its peer out.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
RUN_SECONDS_MAX = 3600


@dataclasses.dataclass(frozen=True)
class Test:
    prompt: int = 0
    gen: int = 0
    depth: int = 0
    batch: int = 1

    @staticmethod
    def of(name: str) -> "Test":
        match = re.fullmatch(r"(pp|tg)(\d+)(?:@(\d+))?(?:b(\d+))?", name.replace(" ", ""))
        if match is None or (match[1] == "pp" and match[4]):
            sys.exit(f"--tests: expected pp512, tg128, tg32@4096 or tg32b8, found {name}")
        count = int(match[2])
        return Test(count if match[1] == "pp" else 0, count if match[1] == "tg" else 0,
                    int(match[3] or 0), int(match[4] or 1))

    def __str__(self) -> str:
        name = f"pp{self.prompt}" if self.prompt else f"tg{self.gen}"
        name += f"@{self.depth}" if self.depth else ""
        return name + (f" b{self.batch}" if self.batch > 1 else "")


def output_of(command: list[str], with_errors: bool = False) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False,
                         timeout=RUN_SECONDS_MAX)
    if run.returncode != 0:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{' '.join(command)}: exit code {run.returncode}: {last}")
    return run.stdout + run.stderr if with_errors else run.stdout


class Hearth:
    name = "hearth"

    def __init__(self, binary: str, flags: list[str]):
        self.binary, self.flags = binary, flags

    def run(self, file: str, test: Test, threads: int) -> dict:
        return json.loads(output_of([
            self.binary, "bench", "--model", file, "--prompt", str(test.prompt), "--gen",
            str(test.gen), "--depth", str(test.depth), "--batch", str(test.batch), "--threads",
            str(threads), "--repeat", "1", "--json", *self.flags]))


class Peer:
    """A build of llama.cpp or of a fork of it: the folder of its binaries."""

    def __init__(self, name: str, folder: str):
        path = pathlib.Path(folder)
        self.name = name
        self.folder = path if path.is_dir() else path.parent
        help_text = subprocess.run([str(self.folder / "llama-bench"), "--help"], text=True,
                                   capture_output=True, check=False).stdout
        self.has_depth = "--n-depth" in help_text
        self.flags = [word for flag, value in self.fast_flags() if f" {flag}" in help_text
                      for word in (flag, value)]

    def fast_flags(self) -> list[tuple[str, str]]:
        """Those that make a peer fastest on a CPU, where its llama-bench knows them."""
        flags = [("-fa", "1")]
        if self.name == "ik_llama.cpp":
            flags += [("-rtr", "1"), ("-mla", "3"), ("-fmoe", "1")]
        return flags

    def run(self, file: str, test: Test, threads: int) -> dict:
        return {"tok_s": self.batched(file, test, threads) if test.batch > 1
                else self.single(file, test, threads)}

    def single(self, file: str, test: Test, threads: int) -> float:
        command = [str(self.folder / "llama-bench"), "-m", file, "-t", str(threads), "-r", "1",
                   "-o", "json", *self.flags]
        if test.depth == 0:
            command += ["-p", str(test.prompt), "-n", str(test.gen)]
        elif self.has_depth:
            command += ["-p", str(test.prompt), "-n", str(test.gen), "-d", str(test.depth)]
        elif test.gen > 0:
            command += ["-p", "0", "-n", "0", "-gp", f"{test.depth},{test.gen}"]
        else:
            raise RuntimeError(f"{self.name}: its llama-bench reads no prompt behind a context")
        results = json.loads(output_of(command))
        if len(results) != 1:
            raise RuntimeError(f"{' '.join(command)}: expected one result, found {len(results)}")
        return results[0]["avg_ts"]

    def batched(self, file: str, test: Test, threads: int) -> float:
        before = max(test.depth, 1)
        command = [str(self.folder / "llama-batched-bench"), "-m", file, "-t", str(threads), "-npp",
                   str(before), "-ntg", str(test.gen), "-npl", str(test.batch), "-c",
                   str((before + test.gen) * test.batch + 64), *self.batched_flags()]
        for line in output_of(command, with_errors=True).splitlines():  # a fork logs its table
            cells = [cell.strip() for cell in line.strip(" |").split("|")]
            if len(cells) == 10 and cells[:3] == [str(before), str(test.gen), str(test.batch)]:
                return float(cells[7])  # S_TG t/s
        raise RuntimeError(f"{' '.join(command)}: found no row of the test")

    def batched_flags(self) -> list[str]:
        if self.name == "ik_llama.cpp":
            return ["-fa", "on", "-rtr", "-mla", "3"]  # -fmoe is its default
        return ["-fa", "on"]


def peers_of_environment() -> list[Peer]:
    found = []
    for name, variable in (("llama.cpp", "HEARTH_PEER_LLAMA"), ("ik_llama.cpp", "HEARTH_PEER_IK")):
        if os.environ.get(variable):
            found.append(Peer(name, os.environ[variable]))
    if not found:
        sys.exit("expected HEARTH_PEER_LLAMA or HEARTH_PEER_IK: the folder of llama-bench")
    return found


def spread(values: list[float]) -> dict:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def measure(file: str, test: Test, hearth: Hearth, peers: list[Peer], args) -> dict:
    """All pairs of one test: Hearth, each peer, Hearth, each peer, ..."""
    lines, rates = [], {peer.name: [] for peer in peers}
    failed: dict[str, str] = {}
    for pair in range(args.pairs):
        lines.append(hearth.run(file, test, args.threads))
        for peer in peers:
            if peer.name in failed:
                continue
            try:
                rates[peer.name].append(peer.run(file, test, args.threads)["tok_s"])
            except RuntimeError as error:
                failed[peer.name] = str(error)
                print(f"note: {error}", file=sys.stderr)
        done = ", ".join(f"{name} {all_[-1]:.2f}" for name, all_ in rates.items() if all_)
        print(f"{file} {test} pair {pair + 1}: hearth {lines[-1]['tok_s']:.2f}, {done}",
              file=sys.stderr)
    ours = [line["tok_s"] for line in lines]
    bandwidth = max(line["bandwidth_measured_gb_s"] for line in lines)
    result = {
        "file": os.path.basename(file), "test": str(test), "hearth": spread(ours),
        "hearth_lines": lines, "bandwidth_measured_gb_s": bandwidth,
        "share_of_bandwidth": statistics.median(line["gb_s"] for line in lines) / bandwidth,
        "share_of_own_bandwidth": statistics.median(
            line["gb_s"] / line["bandwidth_measured_gb_s"] for line in lines),
        "peak_measured_gop_s": max(line["peak_measured_gop_s"] for line in lines),
        "peers": {}, "failed": failed,
    }
    result["share_of_peak"] = (statistics.median(line["gop_s"] for line in lines)
                               / result["peak_measured_gop_s"])
    for name, theirs in rates.items():
        if name not in failed:
            ratios = [a / b for a, b in zip(ours, theirs)]
            result["peers"][name] = {"tok_s": spread(theirs), "ratio": spread(ratios),
                                     "all_tok_s": theirs, "ratios": ratios}
    return result


def shown(values: dict, digits: int) -> str:
    low, high = f"{values['min']:.{digits}f}", f"{values['max']:.{digits}f}"
    return f"{values['median']:.{digits}f} ({low}–{high})"


def table(results: list[dict], names: list[str]) -> str:
    head = ["file", "test", "Hearth tok/s", "of read bandwidth", "of arithmetic peak"]
    for name in names:
        head += [f"{name} tok/s", f"ratio to {name}"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in results:
        read = f"{r['share_of_bandwidth']:.0%} ({r['share_of_own_bandwidth']:.0%})"
        cells = [r["file"], r["test"], shown(r["hearth"], 1), read, f"{r['share_of_peak']:.0%}"]
        for name in names:
            peer = r["peers"].get(name)
            cells += [shown(peer["tok_s"], 1), shown(peer["ratio"], 2)] if peer else ["–", "–"]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="GGUF files")
    parser.add_argument("--tests", default="pp512,tg128", help="pp512,tg128,tg32@4096,tg32b8")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--hearth", default=str(REPO / "build" / "hearth"))
    parser.add_argument("--hearth-flags", default="", help="more flags of hearth bench: '--kv-format bf16'")
    parser.add_argument("--json", help="keep every figure in this file")
    args = parser.parse_args()
    if args.pairs < 1:
        parser.error("--pairs: expected at least 1")
    tests = [Test.of(name) for name in args.tests.split(",")]
    hearth, peers = Hearth(args.hearth, args.hearth_flags.split()), peers_of_environment()
    names = [peer.name for peer in peers]
    results: list[dict] = []
    for file in args.files:
        for test in tests:
            results.append(measure(file, test, hearth, peers, args))
            if args.json:  # after each test: an interrupted run keeps what it has
                about = {"threads": args.threads, "pairs": args.pairs, "system": platform.platform(),
                         "cpu": results[0]["hearth_lines"][0]["cpu"], "results": results}
                pathlib.Path(args.json).write_text(json.dumps(about, indent=1) + "\n")
    print(table(results, names))
    return 1 if any(r["failed"] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
