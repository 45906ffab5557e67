#!/usr/bin/env python3
"""A server on a machine that heats: fake sensors below a folder, and a fake NVIDIA driver, under a
live `hearth serve`. Usage: tests/heat_test.py BINARY REPO FAKE_NVML. Standard library only."""

import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time
import unittest

from recorded import run_script
from serve_client import ENDLESS, Server, text_of

FAKE_NVML = sys.argv[3] if len(sys.argv) > 3 else "build/src/hearth/sensors/fake_nvml/libnvidia-ml.so.1"


def replace(path: pathlib.Path, text: str):
    """At once: whoever reads sees the old text or the new one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


class Machine:
    """A Raspberry Pi's thermal zone, and a GPU beside it."""

    def __init__(self, folder: str):
        self.root = pathlib.Path(folder)
        self.zone = self.root / "sys/class/thermal/thermal_zone0"
        self.zone.mkdir(parents=True)
        (self.zone / "type").write_text("cpu-thermal\n")
        self.cpu(50)
        shutil.copy(FAKE_NVML, self.root / "libnvidia-ml.so.1")
        self.gpu("0 temperature 45\n")

    def cpu(self, celsius: float):
        replace(self.zone / "temp", f"{int(celsius * 1000)}\n")

    def gpu(self, script: str):
        replace(self.root / "gpus.txt", script)

    def server(self, *args: str) -> Server:
        os.environ["LD_LIBRARY_PATH"] = str(self.root)
        try:
            return Server("--sysfs-root", str(self.root), "--cpu-temperature-stop", "95",
                          "--cpu-temperature-resume", "90", "--no-log-requests", *args)
        finally:
            del os.environ["LD_LIBRARY_PATH"]


def wait_for(true_soon, seconds: float = 30):
    end = time.monotonic() + seconds
    while not true_soon():
        if time.monotonic() > end:
            raise AssertionError("it never came true")
        time.sleep(0.05)


class Heat(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_hot_cpu_stops_admission_and_comes_back(self):
        with self.machine.server() as server:
            def ready():
                return server.ask("GET", "/ready")[0] == 200
            undisturbed = text_of(server.events(seed=3, **ENDLESS))
            self.assertTrue(ready())
            running = []
            stream = threading.Thread(
                target=lambda: running.append(text_of(server.events(seed=3, **ENDLESS))))
            self.machine.cpu(94)  # warm: slower, but taken
            wait_for(lambda: server.metric("machine_batch_share") == 0.5)
            stream.start()
            wait_for(lambda: server.metric("num_requests_running") >= 1)
            self.machine.cpu(97)
            wait_for(lambda: not ready())
            status, headers, reply = server.chat()
            self.assertEqual((status, reply["error"]["code"]), (503, "machine_rests"))
            self.assertGreaterEqual(int(headers["Retry-After"]), 10)
            self.assertGreaterEqual(int(server.ask("GET", "/ready")[1]["Retry-After"]), 10)
            self.assertEqual(server.ask("GET", "/health")[0], 200)  # it lives
            told = server.ask("GET", "/health?verbose")[2]
            self.assertEqual((told["machine"]["heat"], told["machine"]["admits"]), ("hot", False))
            self.assertEqual(told["machine"]["devices"][0]["temperature_c"], 97)
            self.assertEqual(server.metric("device_heat"), 2)
            stream.join(60)
            self.assertEqual(running, [undisturbed])  # what ran went on, the same token for token
            self.machine.cpu(80)
            cooled = time.monotonic()
            wait_for(ready)
            self.assertGreater(time.monotonic() - cooled, 9)
            self.assertEqual(server.chat()[0], 200)

    def test_a_gpu_that_is_lost_drains_the_server_for_good(self):
        with self.machine.server("--sensors", "all") as server:
            wait_for(lambda: server.metric("device_temperature_celsius") == 50 + 45)
            self.machine.gpu("0 lost 1\n")
            wait_for(lambda: server.ask("GET", "/ready")[0] == 503)
            self.machine.gpu("0 temperature 45\n")
            time.sleep(1.5)
            self.assertEqual(server.chat()[0], 503)
            self.assertEqual(server.ask("GET", "/health?verbose")[2]["machine"]["faults"],
                             ["gpu_lost"])

    def test_a_driver_that_hangs_delays_nobody(self):
        with self.machine.server("--sensors", "all", "--on-fault", "sensor_hang=ignore") as server:
            wait_for(lambda: server.metric("device_temperature_celsius") == 50 + 45)
            self.machine.gpu("0 hang 1\n")
            wait_for(lambda: server.metric("machine_fault") == 1)
            begin = time.monotonic()
            self.assertEqual(server.chat(max_tokens=4)[0], 200)
            self.assertLess(time.monotonic() - begin, 5)
            self.assertTrue(server.ask("GET", "/health?verbose")[2]["ready"])

    def test_wrong_flags(self):
        for flags in (["--temperature-stop", "70"], ["--on-fault", "ecc=stop"], ["--on-fault", "x"]):
            with self.assertRaisesRegex(AssertionError, "expected"):
                self.machine.server(*flags)


if __name__ == "__main__":
    sys.exit(run_script("heat"))
