"""The built binary as users and scripts call it: run once, held to its exit code.
Scripts take it and the repository as their first two arguments. Standard library only."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

BINARY = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/hearth")
REPO = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
MINI = str(REPO / "assets/mini")


class Log:
    """What a child that still runs has said: `file` for it, `text()` for whoever reads meanwhile. The two
    share their place in the file: a reader that moved it would have the child write over its lines."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()

    def text(self) -> str:
        descriptor = self.file.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def close(self):
        self.file.close()


def hearth(*args: str, text: str | None = None, code: int = 0) -> subprocess.CompletedProcess:
    """Runs the binary on `text` as its input and insists on the exit code."""
    env = dict(os.environ, LC_ALL="C.UTF-8")
    run = subprocess.run([BINARY, *args], input=text, capture_output=True, text=True, env=env,
                         timeout=240, check=False)
    if run.returncode != code:
        raise AssertionError(f"hearth {' '.join(args)}: exit {run.returncode}, expected {code}\n"
                             f"{run.stdout}\n{run.stderr}")
    return run


def as_json(*args: str, **kwargs) -> dict:
    return json.loads(hearth(*args, "--json", **kwargs).stdout)
