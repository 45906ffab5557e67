#!/usr/bin/env python3
"""Writes tasks.txt: the tasks of this folder as token ids of Qwen2's vocabulary, which DeepSeek-R1's
Qwen distills have. Usage: bench/quoting/tokenize.py FOLDER, with vocab.json and merges.txt of a Qwen2
checkpoint in it. Needs the package `tokenizers`."""

import pathlib
import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

# The pre-tokenizer of Qwen2's tokenizer.json.
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    here = pathlib.Path(__file__).parent
    with open(here / "tasks.txt", "w") as out:
        for task in sorted(here.glob("*.md")):
            parts = task.read_text().split("\n=====\n")
            ids = [tokenizer.encode(part.strip()).ids for part in parts]
            assert [tokenizer.decode(i) for i in ids] == [part.strip() for part in parts]
            print(task.stem, *(" ".join(map(str, i)) for i in ids), sep="\n", file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
