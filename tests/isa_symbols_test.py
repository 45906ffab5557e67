#!/usr/bin/env python3
"""isa_symbols_test.py NM LIBRARY [NAMESPACE ISA...]: the objects of the instruction sets define nothing but themselves.

A weak or global function outside its isa_* namespace, compiled with that file's flags, could be the
copy that the linker keeps for all: AVX-512 code would then run on machines that lack it.
"""

import re
import subprocess
import sys


def members(nm: str, library: str) -> list[tuple[str, list[str]]]:
    """Lines of `nm` by archive member; two members may have one name."""
    text = subprocess.run(
        [nm, "--demangle", "--defined-only", library], check=True, capture_output=True, text=True
    ).stdout
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.endswith(".o:"):
            found.append((line[:-1], []))
        elif line.strip() and found:
            found[-1][1].append(line)
    return found


def main() -> None:
    nm, library, *others = sys.argv[1:]
    namespace = others[0] if others else "hearth::cpu"
    names = others[1:] or ("scalar", "avx2", "avxvnni", "avx512", "neon", "neondot")
    seen = []
    for member, lines in members(nm, library):
        name = member.removesuffix(".o").removesuffix(".cc")
        # scalar.cc exists twice: the other one belongs to the reference backend.
        if name not in names or not any(f"isa_{name}::" in line for line in lines):
            continue
        seen.append(name)
        table = False
        for line in lines:
            match = re.match(r"[0-9a-f]*\s+(\S)\s+(.*)", line)
            kind, symbol = match.groups()
            if kind.islower() and kind not in "vwu":
                continue  # local to the object
            if symbol.startswith("__"):
                continue  # the compiler's own, of sanitizers and coverage
            if not symbol.startswith(f"{namespace}::isa_{name}::"):
                sys.exit(f"{member}: `{symbol}` ({kind}) lies outside {namespace}::isa_{name}")
            table = table or "::table()" in symbol
        if not table:
            sys.exit(f"{member}: no table()")
    if "scalar" not in seen or len(seen) < 2:
        sys.exit(f"expected the objects of several instruction sets in {library}, found {seen}")
    print(f"{len(seen)} objects define only their own table: {', '.join(sorted(seen))}")


if __name__ == "__main__":
    main()
