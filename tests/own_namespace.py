"""A script again in Linux namespaces of its own, where it may make networks and mount disks."""

import os
import shutil
import subprocess
import sys

from recorded import run_script

INSIDE = os.environ.get("HEARTH_TEST_INSIDE_NAMESPACE") == "1"


def run_inside(name: str, flags: str, *command: str) -> int:
    """All tests of the script that runs, inside what `unshare FLAGS COMMAND` makes; where that is not
    allowed they run outside, and INSIDE tells them so. `name` is that of their report."""
    enter = ["unshare", flags, *command]
    allowed = not INSIDE and shutil.which("unshare") and shutil.which("ip")
    if not allowed or subprocess.run([*enter, "true"], capture_output=True).returncode != 0:
        return run_script(name)
    env = dict(os.environ, HEARTH_TEST_INSIDE_NAMESPACE="1")
    return subprocess.run([*enter, sys.executable, *sys.argv], env=env).returncode
