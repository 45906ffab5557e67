#!/usr/bin/env python3
"""No telemetry: run, generate, tune and serve do their work where there is no route to anywhere, and
open no outgoing connection while they do. Usage: tests/no_telemetry_test.py BINARY REPO.

Each command runs under strace, inside a network namespace of its own that has only a loopback; where
namespaces are not allowed or strace is not there, that half is skipped, and the test says so."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from command import BINARY, MINI
from own_namespace import INSIDE, run_inside

CALLS = "connect,sendto,sendmsg,sendmmsg"
# A call that names an address of the Internet, be it this machine's own.
OUTGOING = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET6?\b")


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class NoTelemetry(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.trace = self.folder / "trace"

    def traced(self, *args: str) -> list[str]:
        return ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(self.trace), *args]

    def check_trace(self):
        calls = [line for line in self.trace.read_text().splitlines() if OUTGOING.search(line)]
        self.assertEqual(calls, [])

    def run_command(self, *args: str):
        done = subprocess.run(self.traced(BINARY, *args), capture_output=True, text=True,
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_trace()

    def test_the_trace_sees_connections(self):
        code = ("import socket\ns = socket.socket()\n"
                "try: s.connect(('127.0.0.1', 9))\nexcept OSError: pass")
        subprocess.run(self.traced(sys.executable, "-c", code), check=True, timeout=60)
        self.assertRegex(self.trace.read_text(), OUTGOING)

    @unittest.skipUnless(INSIDE, "network namespaces are not allowed here: `unshare -rn` fails")
    def test_there_is_no_route(self):
        self.assertEqual(pathlib.Path("/proc/net/route").read_text().count("\n"), 1)

    def test_run_and_generate(self):
        self.run_command("run", "--model", MINI, "12+30=?", "--max-tokens", "8")
        self.run_command("generate", "--model", MINI, "--prompt", "12+30=?", "--max-tokens", "8")

    def test_the_store(self):
        env = {"HEARTH_HOME": str(self.folder / "hearth"), "HOME": str(self.folder)}
        with unittest.mock.patch.dict(os.environ, env):
            self.run_command("ls")
            self.run_command("ls", "--catalogue")

    def test_tune(self):
        data = self.folder / "data.jsonl"
        data.write_text(json.dumps({"prompt": "1+1=?", "completion": "2"}) + "\n")
        self.run_command("tune", "--model", MINI, "--data", str(data), "--out",
                         str(self.folder / "out"), "--epochs", "1")

    def test_serve(self):
        args = ["serve", "--model", MINI, "--port", "0", "--json", "--audit-log",
                str(self.folder / "audit.log"), "--label", "metadata"]
        process = subprocess.Popen(self.traced(BINARY, *args), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        try:
            port = json.loads(process.stdout.readline())["port"]
            body = json.dumps({"messages": [{"role": "user", "content": "1+1=?"}],
                               "max_tokens": 4})
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port,
                                                               timeout=60)) as client:
                client.request("POST", "/v1/chat/completions", body)
                self.assertEqual(client.getresponse().status, 200)
            # strace passes no signal on: its child is asked itself.
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            os.kill(int(children.split()[0]), signal.SIGTERM)
            self.assertEqual(process.wait(timeout=60), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        self.check_trace()


if __name__ == "__main__":
    # Where there is only a loopback.
    sys.exit(run_inside("no_telemetry", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"))
