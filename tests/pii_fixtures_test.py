"""The tables of values that Presidio, pii-manager and piisa test themselves with, and Presidio's
sentences, read by the recognisers: what differs must be exactly what pii_fixture_differences.json
gives a reason for, and the documentation's tables must be what comes out here. Exits 77 (skipped)
where there are no such tables.

    pii_fixtures_test.py PII_QUALITY PROJECT FIXTURES
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
RESEARCH = ["synth_dataset_v2", "generated_large", "generated_small"]


def made(project: pathlib.Path, *args: str) -> str:
    run = subprocess.run([sys.executable, project / "tools/pii-sets", *args], check=True, text=True,
                         capture_output=True, encoding="utf-8")
    sys.stdout.write(run.stderr)  # what it leaves out
    return run.stdout


def measured(quality: str, texts: str, *flags: str) -> list[str]:
    run = subprocess.run([quality, *flags], input=texts, check=True, text=True,
                         capture_output=True, encoding="utf-8")
    return run.stdout.splitlines()


def differences(lines: list[str]) -> dict:
    rows = collections.defaultdict(set)
    for line in lines:
        if found := re.match(r"(missed|wrong) (\w+):(\d+) ", line):
            rows[found[2], found[1]].add(int(found[3]))
    return rows


def compare(quality: str, project: pathlib.Path, form: str, folder: pathlib.Path,
            names: set[str]) -> list[str]:
    """One form of set against the list's entries for `names`; its table in the documentation."""
    lines = measured(quality, made(project, form, str(folder)), "--show")
    listed = json.loads((project / "tests/pii_fixture_differences.json").read_text())
    known = collections.defaultdict(set)
    for entry in listed:
        if entry["table"] in names:
            known[entry["table"], entry["what"]].update(entry["rows"])
    failures = []
    seen = differences(lines)
    for key in sorted(known.keys() | seen.keys()):
        for row in sorted(seen[key] - known[key]):
            failures.append(f"{key[0]}:{row} is {key[1]}, and no reason is given for it")
        for row in sorted(known[key] - seen[key]):
            failures.append(f"{key[0]}:{row} is {key[1]} no more: take it from the list")
    table = "\n".join(line for line in lines if line.startswith("|"))
    if table not in (project / "docs/benchmarks.md").read_text(encoding="utf-8"):
        failures.append(f"docs/benchmarks.md does not have this table:\n{table}")
    return failures


def compare_research(quality: str, project: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Precision, recall and F1 of the sets of presidio-research, as pii.md states them."""
    failures = []
    for name in RESEARCH:
        path = folder / f"{name}.json"
        if not path.exists():
            print(f"left out: {name}: no such file")
            continue
        texts = made(project, "presidio", str(path))
        for flags in ([], ["--names"]):
            cells = measured(quality, texts, *flags)[-1].split("|")
            precision, recall = (float(cell.strip(" %")) / 100 for cell in cells[4:6])
            row = f"| {precision:.3f} | {recall:.3f} | {cells[6].strip()} |"
            for page in ("docs/pii.md", "docs/pii.zh-CN.md"):
                if row not in (project / page).read_text(encoding="utf-8"):
                    failures.append(f"{page} lacks {name} {' '.join(flags)}: {row}")
    return failures


def main() -> int:
    quality, project, fixtures = sys.argv[1], *map(pathlib.Path, sys.argv[2:4])
    names = ("recognizer_tables", "presidio", "presidio_research")
    folders = {name: fixtures / name for name in names}
    for folder in folders.values():
        if not folder.is_dir():
            print(f"skipped: there is no {folder}")
            return SKIPPED
    tables = folders["recognizer_tables"]
    failures = compare(quality, project, "tables", tables, {path.stem for path in tables.iterdir()})
    failures += compare(quality, project, "sentences", folders["presidio"],
                        {"context_sentences", "demo"})
    failures += compare_research(quality, project, folders["presidio_research"])
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
