#!/usr/bin/env python3
"""Three replicas behind `hearth gateway`, each in a network namespace with a link, a disk and a
temperature of its own, and what happens to machines, at random moments: kill -9, SIGSTOP, the link is
cut, the disk is full, the CPU is hot. Every answer must be the one of an undisturbed run.
Usage: tests/fault_test.py BINARY REPO [FAULTS]. Skipped where `unshare -rnm` is not allowed."""

import contextlib
import http.client
import pathlib
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from own_namespace import INSIDE, run_inside
from replicas import REQUESTS, STALL_SECONDS, Gateway, Load, Replica, ask, seen_of, wait

FAULTS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
DISK_BYTES = 160 << 20  # the log of an hour of this, and what is kept allocated ahead of it


def sh(*command: str):
    subprocess.run(command, check=True)


def make_network(count: int):
    """A bridge, and `count` namespaces r1, r2, ... that a link v1, v2, ... joins to it."""
    sh("mount", "-t", "tmpfs", "none", "/run")  # where `ip netns` keeps its names
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "br0", "type", "bridge")
    sh("ip", "addr", "add", "10.77.0.1/24", "dev", "br0")
    sh("ip", "link", "set", "br0", "up")
    for number in range(1, count + 1):
        name, link = f"r{number}", f"v{number}"
        sh("ip", "netns", "add", name)
        sh("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        sh("ip", "link", "set", link, "master", "br0", "up")
        sh("ip", "-n", name, "addr", "add", f"10.77.0.{10 + number}/24", "dev", "eth0")
        sh("ip", "-n", name, "link", "set", "eth0", "up")
        sh("ip", "-n", name, "link", "set", "lo", "up")


class Machine(Replica):
    """A replica on a machine of its own, as far as the kernel can make one."""

    def __init__(self, number: int, folder: pathlib.Path, key: pathlib.Path):
        self.link, self.busy = f"v{number}", threading.Lock()
        self.zone = folder / "sys/class/thermal/thermal_zone0"
        self.zone.mkdir(parents=True)
        (self.zone / "type").write_text("cpu-thermal\n")
        self.temperature(50)
        self.disk = folder / "disk"
        self.disk.mkdir()
        sh("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(self.disk))
        super().__init__(
            ["--resume-key", str(key), "--no-log-requests", "--threads", "1", "--drain-seconds", "0",
             "--insecure", "--sysfs-root", str(folder), "--cpu-temperature-stop", "95",
             "--cpu-temperature-resume", "90", "--audit-log", str(self.disk / "audit.log"),
             "--audit-fsync", "second", "--audit-required"],
            host=f"10.77.0.{10 + number}", inside=("ip", "netns", "exec", f"r{number}"))

    def temperature(self, celsius: int):
        (self.zone / "new").write_text(f"{celsius}000\n")
        (self.zone / "new").rename(self.zone / "temp")

    def ready(self) -> bool:
        return self.server.ask("GET", "/ready")[0] == 200

    def is_cut_off(self):
        sh("ip", "link", "set", self.link, "down")
        time.sleep(STALL_SECONDS + 1)
        sh("ip", "link", "set", self.link, "up")
        wait(self.ready)

    def takes_requests(self) -> bool:
        return ask(self, "/v1/completions", {"prompt": "1", "max_tokens": 1}, stream=False)[0] == 200

    def has_a_full_disk(self):
        """Full, and what the log has kept allocated is used up by lines of refused requests."""
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        status = 0
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as client:
            for _ in range(4000):
                client.request("POST", "/v1/completions", b"{}")
                reply = client.getresponse()
                reply.read()
                status = reply.status
                if status == 503:
                    break
        assert status == 503, f"the full disk was never noticed: {status}"
        time.sleep(0.5)
        filler.unlink()
        wait(self.takes_requests)

    def is_hot(self):
        self.temperature(99)
        wait(lambda: not self.ready())
        time.sleep(0.5)
        self.temperature(50)
        wait(self.ready)  # ten seconds: it must stay cool


# The last two last long and break nothing that runs: rarer, so that the others come often.
KINDS = {"killed": (Machine.restart, 8), "stopped": (Machine.fall_silent, 3),
         "cut off": (Machine.is_cut_off, 3), "full": (Machine.has_a_full_disk, 2),
         "hot": (Machine.is_hot, 2)}


@unittest.skipUnless(INSIDE, "network namespaces are not allowed here: `unshare -rnm` fails")
class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_network(3)
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        key = folder / "resume.key"
        key.write_text(secrets.token_hex(32) + "\n")
        cls.replicas = []
        for number in (1, 2, 3):
            cls.replicas.append(Machine(number, folder / str(number), key))
            cls.addClassCleanup(sh, "umount", "-l", str(cls.replicas[-1].disk))
            cls.addClassCleanup(cls.replicas[-1].kill)
        cls.gateway = cls.enterClassContext(Gateway(cls.replicas))
        cls.right = [seen_of(ask(cls.replicas[0], *r)[1]) for r in REQUESTS]
        for seen in cls.right:
            assert seen.ends == 1 and seen.finish and seen.ids == 1, seen

    def test_each_kind_alone(self):
        for name, (fault, _) in KINDS.items():
            with self.subTest(name):
                load = Load(self.gateway, self.right)

                def happens(fault=fault):
                    time.sleep(0.5)
                    fault(self.replicas[1])
                    time.sleep(0.5)

                load.run(happens)
                self.assertEqual(load.failures, [])
                self.assertGreater(load.total(), 0)

    def test_all_kinds_at_random_moments(self):
        rng, counted, trouble = random.Random(FAULTS), dict.fromkeys(KINDS, 0), []

        def happens(replica: Machine, name: str):
            try:
                KINDS[name][0](replica)
            except Exception as wrong:  # pylint: disable=broad-exception-caught
                trouble.append(f"{name}: {wrong!r}")
            finally:
                replica.busy.release()

        def disturb():
            for number in range(FAULTS):
                time.sleep(rng.uniform(0.02, 0.4))
                name = list(KINDS)[number] if number < len(KINDS) else rng.choices(
                    list(KINDS), [weight for _, weight in KINDS.values()])[0]
                # A hot machine is away for ten seconds; meanwhile things happen to the other two.
                replica = None
                while replica is None:
                    free = [r for r in self.replicas if not r.busy.locked()]
                    if len(free) >= 2:
                        replica = rng.choice(free)
                    else:
                        time.sleep(0.02)
                replica.busy.acquire()
                counted[name] += 1
                one = threading.Thread(target=happens, args=(replica, name))
                one.start()
                if name != "hot":
                    one.join()
            for replica in self.replicas:
                with replica.busy:
                    pass

        load = Load(self.gateway, self.right)
        begin = time.monotonic()
        load.run(disturb)
        kinds = ", ".join(f"{name} {count}" for name, count in counted.items())
        print(f"{FAULTS} faults ({kinds}) in {time.monotonic() - begin:.0f} s: {load.total()} answers, "
              f"{self.gateway.resumed()} resumed, {len(load.failures)} wrong; longest silence of a stream: "
              f"p50 {load.silence(0.5):.2f} s, p99 {load.silence(0.99):.2f} s, max {load.silence(1):.2f} s",
              file=sys.stderr)
        for wrong in load.failures:
            print("wrong:", wrong, file=sys.stderr)
        self.assertEqual(trouble, [])
        self.assertLessEqual(len(load.failures), load.total() // 1000, load.failures[:3])
        self.assertGreater(self.gateway.resumed(), FAULTS // 4)
        self.assertLessEqual(load.silence(0.99), STALL_SECONDS + 2)


if __name__ == "__main__":
    sys.exit(run_inside("fault", "-rnm"))
