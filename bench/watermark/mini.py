#!/usr/bin/env python3
"""What the detector finds in answers of the bundled model: a server that marks and one that doesn't
answer the same prompts, cut at several lengths; the share that each level calls watermarked.
Usage: bench/watermark/mini.py build/hearth [--answers N] [--temperature T] [--words].
`--words`: answers are letters and spaces and go on to their length, where the model by itself does a
sum and ends."""

import argparse
import json
import pathlib
import sys
import tempfile

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
LENGTHS = (100, 200, 400)
LEVELS = (1e-2, 1e-3, 1e-5)


def answers(server, count: int, length: int, temperature: float, words: bool):
    """Texts of `length` tokens at most."""
    while count > 0:
        body = {"prompt": f"{count}+{7 * count}=", "n": min(count, 4), "max_tokens": length,
                "temperature": temperature, "seed": count}
        if words:
            body |= {"guided_regex": "[a-z ]{4000}", "frequency_penalty": 0.5}
        status, _, reply = server.ask("POST", "/v1/completions", body)
        if status != 200:
            raise SystemExit(f"mini.py: {reply}")
        yield from (choice["text"] for choice in reply["choices"])
        count -= 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--answers", type=int, default=256)
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args()
    sys.argv[1:] = [options.binary, str(REPO)]
    sys.path.insert(0, str(REPO / "tests"))
    import subprocess

    from serve_client import Server

    with tempfile.TemporaryDirectory() as folder:
        key = folder + "/mark.key"
        subprocess.run([options.binary, "watermark", "key", key, "--source", "bench/mini"],
                       check=True, capture_output=True)
        for mode in ("on", "off"):
            with Server("--no-log-requests", "--watermark", mode,
                        "--watermark-key-file", key) as server:
                for length in LENGTHS:
                    found, scored = [0] * len(LEVELS), 0
                    texts = list(answers(server, options.answers, length, options.temperature,
                                         options.words))
                    for text in texts:
                        _, _, told = server.ask("POST", "/v1/watermark/detect", {"text": text})
                        scored += told["tokens_scored"]
                        for i, level in enumerate(LEVELS):
                            found[i] += told["p_value"] <= level
                    print(json.dumps({
                        "watermark": mode, "max_tokens": length, "answers": len(texts),
                        "tokens_scored": round(scored / len(texts), 1),
                        **{f"p<={level:g}": round(100 * n / len(texts), 1)
                           for level, n in zip(LEVELS, found)}}), flush=True)


if __name__ == "__main__":
    main()
