"""Loads what `hearth tiny` writes with Hugging Face transformers, each architecture, and compares the
logits of both programs: no tensor missing or left over, the same numbers.

    python check_tiny.py BINARY [ARCH ...]       # such as build/hearth qwen2
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import reference
import torch

ARCHITECTURES = ("deepseek_v3", "deepseek_v2", "qwen2", "qwen3", "llama")
IDS = [(i * 37 + 11) % 200 for i in range(24)]
MOST = 1e-4  # of max |logit|


def check(binary: str, architecture: str, folder: pathlib.Path) -> float:
    """The largest difference of two logits, as a share of the largest logit."""
    model, logits = folder / architecture, folder / f"{architecture}.npy"
    subprocess.run([binary, "tiny", "--arch", architecture, "--format", "f32", model], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    ids = ",".join(map(str, IDS))
    subprocess.run([binary, "logits", "--model", model, "--device", "reference", "--dtype", "f32",
                    "--prompt-ids", ids, "--out", logits], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    config = json.loads((model / "config.json").read_text())
    assert config["vocab_size"] > max(IDS)
    expected = reference.logits_of(reference.load(model), torch.tensor(IDS)).numpy()
    found = numpy.load(logits)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(numpy.abs(found - expected).max() / numpy.abs(expected).max())


def main() -> int:
    binary, *chosen = sys.argv[1:]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for architecture in chosen or ARCHITECTURES:
            difference = check(binary, architecture, pathlib.Path(folder))
            wrong += difference > MOST
            print(f"{architecture}: {difference:.1e} of the largest logit")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
