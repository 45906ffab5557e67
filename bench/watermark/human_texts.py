#!/usr/bin/env python3
"""Texts that people wrote, for `watermark_null`: the prose of the files below each folder, every paragraph once
over all folders, in one file a folder. Prints what there is of each.
Usage: bench/watermark/human_texts.py OUT FOLDER... [--bytes N]   (N: the most of one folder)

A paragraph is prose if it has 200 characters or more, of which at most a fifth are neither letters nor spaces.
What many files repeat (licences, headings) counts once, lest one passage stand for many."""

import argparse
import gzip
import hashlib
import pathlib
import random
import re

SUFFIXES = {"", ".txt", ".rst", ".md"}
CHARACTERS_MIN = 200
# Paragraphs that share this many words in a row are copies of each other with small changes.
SHARED_WORDS = 12


def text_of(path: pathlib.Path) -> str:
    """"": not text."""
    gzipped = path.suffix == ".gz"
    name = path.stem if gzipped else path.name
    if pathlib.Path(name).suffix not in SUFFIXES or path.is_symlink():
        return ""
    try:
        return (gzip.open(path).read() if gzipped else path.read_bytes()).decode()
    except (OSError, UnicodeDecodeError, EOFError):
        return ""


def is_prose(paragraph: str) -> bool:
    if len(paragraph) < CHARACTERS_MIN:
        return False
    other = sum(not (c.isalpha() or c.isspace()) for c in paragraph)
    return other * 5 <= len(paragraph)


def runs(paragraph: str):
    """Fingerprints of its runs of words; a Chinese character is a word."""
    words = re.findall(r"[一-鿿]|\w+", paragraph.lower())
    for i in range(max(1, len(words) - SHARED_WORDS + 1)):
        yield hashlib.blake2b(" ".join(words[i:i + SHARED_WORDS]).encode(), digest_size=8).digest()


def collect(folder: pathlib.Path, most: int, seen: set[bytes]) -> list[str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    random.Random(1).shuffle(files)
    kept, size = [], 0
    for path in files:
        # Fortunes are separated by %, other paragraphs by empty lines.
        for part in re.split(r"\n\s*\n|\n%+\n", text_of(path)):
            paragraph = " ".join(part.split())
            if not is_prose(paragraph):
                continue
            prints = set(runs(paragraph))
            if seen & prints:
                continue
            seen |= prints
            kept.append(paragraph)
            size += len(paragraph.encode()) + 1
            if size >= most:
                return kept
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--bytes", type=int, default=4_000_000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    seen: set[bytes] = set()
    for folder in options.folders:
        kept = collect(folder, options.bytes, seen)
        text = "\n".join(kept) + "\n"
        (options.out / f"{folder.name}.txt").write_text(text)
        print(f"{folder.name}: {len(kept)} paragraphs, {len(text.encode())} bytes")


if __name__ == "__main__":
    main()
