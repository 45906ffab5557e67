#!/usr/bin/env python3
"""Three replicas behind `hearth gateway`: one dies in the middle of a stream, and the stream goes on as
if nothing had happened. Usage: tests/gateway_test.py BINARY REPO"""

import contextlib
import http.client
import json
import pathlib
import secrets
import signal
import tempfile
import unittest

from command import hearth
from replicas import CHAT, REQUESTS, Gateway, Replica, ask, free_port, seen_of


class GatewayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        key = folder / "resume.key"
        key.write_text(secrets.token_hex(32) + "\n")
        cls.flags = ["--resume-key", str(key), "--no-log-requests", "--threads", "1",
                     "--drain-seconds", "0"]
        cls.logs = [folder / f"audit{number}.log" for number in range(3)]
        cls.replicas = [Replica([*cls.flags, "--audit-log", str(log)]) for log in cls.logs]
        for replica in cls.replicas:
            cls.addClassCleanup(replica.kill)
        cls.gateway = cls.enterClassContext(Gateway(cls.replicas))
        cls.right = [seen_of(ask(cls.replicas[0], *r)[1]) for r in REQUESTS]
        for seen in cls.right:
            assert seen.ends == 1 and seen.finish and seen.ids == 1, seen

    def test_a_stream_through_the_gateway_is_the_replicas_own(self):
        for request, right in zip(REQUESTS, self.right):
            status, text, _ = ask(self.gateway, *request)
            self.assertEqual((status, seen_of(text)), (200, right))
            self.assertNotIn(": tokens", text)
            self.assertNotIn(": resume", text)

    def cut(self, disturb, request_id: str = "", **members) -> str:
        """A stream of which a part is there when its replica is disturbed."""
        data = json.dumps({**REQUESTS[0][1], "stream": True, "stream_options": {"include_usage": True},
                           **members})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.gateway.port)) as c:
            c.request("POST", CHAT, data, {"X-Request-Id": request_id} if request_id else {})
            reply = c.getresponse()
            text = b""
            while text.count(b"data:") < 20:
                piece = reply.read1(65536)
                self.assertTrue(piece, text)
                text += piece
            victim = next(r for r in self.replicas if r.server.metric("num_requests_running"))
            disturb(victim)
            text += reply.read()
        victim.start()
        return text.decode()

    def test_a_stream_outlives_its_replica(self):
        before = self.gateway.resumed()
        self.assertEqual(seen_of(self.cut(Replica.kill)), self.right[0])
        self.assertEqual(self.gateway.resumed(), before + 1)

    @staticmethod
    def shut_down(replica: Replica):
        replica.process.send_signal(signal.SIGTERM)
        replica.process.wait()
        replica.kill()

    def states(self, request_id: str) -> list[str]:
        """What the replicas' audit logs say of a request."""
        lines = [line for log in self.logs
                 for line in hearth("audit", "export", str(log), "--events").stdout.splitlines()]
        events = [event for event in map(json.loads, lines) if event["kind"] == "request"]
        return [e["state"] for e in events if e["sealed"]["request_id"] == request_id]

    def test_the_replica_that_carried_a_stream_on_has_it_in_its_audit_log(self):
        self.assertEqual(seen_of(self.cut(Replica.kill, "killed")), self.right[0])
        self.assertEqual(self.states("killed"), ["complete"])
        self.assertEqual(seen_of(self.cut(self.shut_down, "ended")), self.right[0])
        states = self.states("ended")
        self.assertEqual((len(states), states.count("complete")), (2, 1), states)
        for log in self.logs:
            self.assertTrue(json.loads(hearth("audit", "verify", str(log), "--json").stdout)["ok"])

    def test_a_stream_outlives_a_shutdown_that_is_in_a_hurry(self):
        before = self.gateway.resumed()
        self.assertEqual(seen_of(self.cut(self.shut_down)), self.right[0])
        self.assertEqual(self.gateway.resumed(), before + 1)

    def test_a_stream_that_cannot_go_on_says_so(self):
        last, done = self.cut(Replica.kill, logprobs=True).rstrip("\n").split("\n\n")[-2:]
        self.assertEqual(json.loads(last[6:])["error"]["code"], "replica_lost")
        self.assertEqual(done, "data: [DONE]")

    def test_without_a_replica_a_client_is_told_at_once(self):
        nobody = Replica.__new__(Replica)
        nobody.host, nobody.port = "127.0.0.1", free_port()
        with Gateway([nobody], "--wait-seconds", "0.3", ready=False) as gateway:
            for stream in (False, True):
                status, text, _ = ask(gateway, *REQUESTS[0], stream=stream)
                self.assertEqual((status, json.loads(text)["error"]["code"]), (503, "no_replica"))
            self.assertEqual(gateway.get("/ready")[0], 503)
            self.assertEqual(gateway.get("/health")[0], 200)
            self.assertEqual(gateway.get("/v1/adapters")[0], 404)


if __name__ == "__main__":
    unittest.main(argv=["gateway_test.py"])
