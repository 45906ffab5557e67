#!/usr/bin/env python3
"""Token masks of JSON schemas beside llama.cpp's grammar sampler: the same schemas, documents, tokens
and vocabulary, in one run, in turn, one thread each.

    cmake --build build --target grammar_masks
    HEARTH_PEER_LLAMA=.../llama.cpp/build bench/peers/grammar_masks.py deepseek_v3.tiktoken [--rounds 3]

HEARTH_PEER_LLAMA is a build folder of llama.cpp with shared libraries (or its bin/). A small program of
ours, llama_grammar.cc, is compiled against it; llama.cpp makes its grammars of the schemas itself. Both
fill a whole row: Hearth its bans, llama.cpp the logits of all candidates. Standard output is a markdown
table, microseconds a token, medians of the rounds.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
CONTROL, NORMAL = 3, 1  # kinds of tokens in GGUF


def run(*command: object, text: str | None = None) -> str:
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True,
                          errors="replace", check=False, timeout=3600)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def text_field(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def list_field(kind: int, items: list[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def write_vocabulary(source: pathlib.Path, target: pathlib.Path):
    """A GGUF file of the tokens alone: what the sampler needs, with which nothing is encoded."""
    tokens = [base64.b64decode(line.split(" ")[0]) for line in source.read_text().splitlines()]
    kinds = [CONTROL if i < 3 else NORMAL for i in range(len(tokens))]  # beginning, end, padding
    text, array, number = 8, 9, 4  # kinds of values: string, array, uint32
    fields = [("general.architecture", text, text_field("deepseek2")),
              ("tokenizer.ggml.model", text, text_field("gpt2")),
              ("tokenizer.ggml.pre", text, text_field("deepseek-v3")),
              ("tokenizer.ggml.tokens", array, list_field(text, [text_field(t) for t in tokens])),
              ("tokenizer.ggml.token_type", array,
               list_field(5, [struct.pack("<i", kind) for kind in kinds])),
              ("tokenizer.ggml.merges", array, list_field(text, [])),
              ("tokenizer.ggml.bos_token_id", number, struct.pack("<I", 0)),
              ("tokenizer.ggml.eos_token_id", number, struct.pack("<I", 1))]
    body = b"".join(text_field(name) + struct.pack("<I", kind) + value for name, kind, value in fields)
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields)) + body
    target.write_bytes(data + bytes(-len(data) % 32))


def build_peer(build: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    if build.name == "bin":
        build = build.parent
    cache = build / "CMakeCache.txt"
    found = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$",
                      cache.read_text() if cache.exists() else "", re.M)
    if not found:
        sys.exit(f"HEARTH_PEER_LLAMA: expected a build folder of llama.cpp, found {build}")
    source, libraries = pathlib.Path(found[1]), build / "bin"
    out = folder / "llama_grammar"
    include = [f"-I{source / part}" for part in ("include", "ggml/include", "common", "vendor")]
    run(os.environ.get("CXX", "g++"), "-std=c++17", "-O2", *include, HERE / "llama_grammar.cc", "-o", out,
        f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lllama-common", "-lllama", "-lggml", "-lggml-base")
    return out


def hearth_cases(hearth: pathlib.Path, vocabulary: str) -> list[dict]:
    return [json.loads(line) for line in run(hearth, vocabulary, "--cases").splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vocabulary", help="a .tiktoken file, or a .gguf that both read")
    parser.add_argument("--hearth", default=REPO / "build/bench/grammar_masks", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    peer_build = os.environ.get("HEARTH_PEER_LLAMA")
    if not peer_build:
        sys.exit("HEARTH_PEER_LLAMA: expected a build folder of llama.cpp, found nothing")
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        peer = build_peer(pathlib.Path(peer_build).resolve(), folder)
        vocabulary = pathlib.Path(options.vocabulary)
        if vocabulary.suffix == ".tiktoken":
            vocabulary = folder / "vocabulary.gguf"
            write_vocabulary(pathlib.Path(options.vocabulary), vocabulary)
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(hearth_cases(options.hearth, options.vocabulary))
            asked = "".join(f"{c['name']}\n{c['schema']}\n{' '.join(map(str, c['ids']))}\n"
                            for c in ours[-1])
            theirs.append([json.loads(line)
                           for line in run(peer, vocabulary, text=asked).splitlines()])
    print("| schema | tokens | | mean | median | largest |\n|---|---|---|---|---|---|")
    for i, case in enumerate(ours[0]):
        rows = {}
        for name, told, key in (("Hearth, new grammar", ours, "new"), ("Hearth, warm", ours, "warm"),
                                ("llama.cpp", theirs, "warm")):
            rows[name] = [statistics.median(one[i][key][k] for one in told) for k in range(3)]
            shown = " | ".join(f"{value:,.1f}" for value in rows[name])
            print(f"| {case['name']} | {len(case['ids'])} | {name} | {shown} |")
        for name in ("Hearth, new grammar", "Hearth, warm"):
            ratio = [their / our for their, our in zip(rows["llama.cpp"], rows[name])]
            print(f"| {case['name']} | | llama.cpp / {name} | {ratio[0]:.1f} × | {ratio[1]:.1f} × | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
