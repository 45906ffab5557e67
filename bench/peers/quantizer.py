#!/usr/bin/env python3
"""Hearth's quantiser beside llama.cpp's: the same BF16 file through both, format by format.

    HEARTH_PEER_LLAMA=.../llama.cpp/build/bin bench/peers/quantizer.py [--formats q4_k,iq4_xs]

The judge is what the quantised model says: the KL divergence of its predictions from those of the
BF16 file, on worked problems that the bundled model wrote itself, computed in float
(`--activations f32`) so that only the weights differ. Every matrix is in the one format
(`--pure`), once without and once with the importance matrix that Hearth collects on other
problems; llama.cpp reads the same matrix. Standard output is a markdown table.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
FORMATS = ("q8_0 q6_k q5_k q5_1 q5_0 q4_k q4_1 q4_0 iq4_nl iq4_xs q3_k iq3_s iq3_xxs "
           "q2_k iq2_s iq2_xs iq2_xxs iq1_m iq1_s")
# llama.cpp names some single formats by the mixes that are built on them.
PEER_NAMES = {"q5_k": "Q5_K_S", "q4_k": "Q4_K_S", "q3_k": "Q3_K_S"}
# The bundled model projects queries directly; llama.cpp wants that said by a key.
NO_Q_LORA = ("--override-kv", "deepseek2.attention.q_lora_rank=int:0")
OUR_NAMES = {"q5_k": "q5_k_s", "q4_k": "q4_k_s", "q3_k": "q3_k_s"}


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, errors="replace",
                          check=False, timeout=3600)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {last}")
    return done.stdout


def worked_problems(hearth: str, model: str, first: int, count: int) -> str:
    """Questions of the held-out sets with the model's own greedy thoughts and answers."""
    pages = []
    for task in ("add", "sub", "mul"):
        lines = (REPO / f"recipes/mini/heldout/{task}.jsonl").read_text().splitlines()
        for line in lines[first:first + count]:
            prompt = json.loads(line)["prompt"]
            reply = json.loads(run(hearth, "generate", "--model", model, "--temperature", 0,
                                   "--prompt", prompt, "--json"))
            pages.append(f"{prompt}{reply.get('reasoning') or ''}{reply['text']}")
    return "\n".join(pages)


def divergence(hearth: str, model: pathlib.Path, reference: pathlib.Path,
               text: pathlib.Path) -> dict:
    return json.loads(run(hearth, "perplexity", "--model", model, "--against", reference, "--file",
                          text, "--activations", "f32", "--json"))


def compare(options: argparse.Namespace, peer: pathlib.Path, folder: pathlib.Path) -> None:
    source = folder / "source-bf16.gguf"
    run(options.hearth, "quantize", options.model, source, "--format", "bf16")
    text, other = folder / "judged.txt", folder / "importance.txt"
    text.write_text(worked_problems(options.hearth, options.model, 0, options.problems))
    other.write_text(worked_problems(options.hearth, options.model, 300, options.problems))
    matrix = folder / "imatrix.gguf"
    run(options.hearth, "imatrix", "--model", source, "--file", other, "--out", matrix)
    print("| Format | KL, Hearth | KL, llama.cpp | ratio | with importance: Hearth | llama.cpp "
          "| ratio |\n|---|---|---|---|---|---|---|")
    for name in options.formats.replace(",", " ").split():
        cells = []
        for importance in ([], ["--imatrix", matrix]):
            ours, theirs = folder / "ours.gguf", folder / "theirs.gguf"
            ours.unlink(missing_ok=True)
            theirs.unlink(missing_ok=True)
            run(options.hearth, "quantize", source, ours, "--format", OUR_NAMES.get(name, name),
                "--pure", *importance)
            found = divergence(options.hearth, ours, source, text)["kld_mean"]
            try:
                run(peer, "--pure", *NO_Q_LORA, *importance, source, theirs,
                    PEER_NAMES.get(name, name.upper()))
            except RuntimeError as error:  # it wants importance, or fails: the reason is shown
                print(error, file=sys.stderr)
                cells += [f"{found:.2e}", "failed", "-"]
                continue
            peers = divergence(options.hearth, theirs, source, text)["kld_mean"]
            cells += [f"{found:.2e}", f"{peers:.2e}", f"{found / peers:.2f}"]
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hearth", default=str(REPO / "build/hearth"))
    parser.add_argument("--model", default="mini")
    parser.add_argument("--formats", default=FORMATS)
    parser.add_argument("--problems", type=int, default=20, help="of each task")
    options = parser.parse_args()
    folder = os.environ.get("HEARTH_PEER_LLAMA")
    if not folder:
        sys.exit("HEARTH_PEER_LLAMA: expected the folder of llama-quantize, found nothing")
    with tempfile.TemporaryDirectory() as work:
        compare(options, pathlib.Path(folder) / "llama-quantize", pathlib.Path(work))


if __name__ == "__main__":
    main()
