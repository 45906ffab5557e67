#!/usr/bin/env python3
"""How the server lives: hang-ups, crowds, limits, keys, the drain, over real sockets.
Usage: tests/serve_test.py BINARY REPO [STREAMS]. Standard library only."""

import contextlib
import http.client
import json
import resource
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

from command import MINI, Log, as_json, hearth
from recorded import run_script
from serve_client import ENDLESS, Server, text_of

STREAMS = int(sys.argv[3]) if len(sys.argv) > 3 else 200  # at once; `make soak` says 1000


class Logs(unittest.TestCase):
    def test_reading_takes_no_line_away(self):
        log = Log()
        self.addCleanup(log.close)
        child = subprocess.Popen(["sh", "-c", "for i in $(seq 3000); do echo line $i; done"],
                                 stdout=log.file)
        while child.poll() is None:
            log.text()
        self.assertEqual(log.text().splitlines(), [f"line {i}" for i in range(1, 3001)])


class Life(unittest.TestCase):
    """Hang-ups, crowds, limits, keys, the end."""

    def check_identity(self, server: Server, **headers):
        counted = sum(server.metric(f"requests_{how}_total", **headers)
                      for how in ("completed", "failed", "cancelled"))
        self.assertEqual(server.metric("requests_admitted_total", **headers), counted)

    def test_a_hang_up_cancels(self):
        with Server("--no-log-requests", "--max-sequences", "1") as server:
            first = server.start_stream(**ENDLESS)
            self.assertTrue(first.recv(1))
            queued = server.start_stream(**ENDLESS)  # waits behind the first
            whole = server.start_stream(stream=False, **ENDLESS)
            server.wait_for_metric("num_requests_waiting", 2)
            for gone, sock in enumerate((queued, whole, first), 1):
                sock.close()
                server.wait_for_metric("requests_cancelled_total", gone)
            self.assertEqual(server.chat()[0], 200)
            self.check_identity(server)

    def test_a_hang_up_behind_a_second_request_cancels(self):
        with Server("--no-log-requests") as server:
            sock = server.start_stream(**ENDLESS)
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(sock.recv(1))
            sock.close()
            server.wait_for_metric("requests_cancelled_total", 1)

    def test_a_reader_that_never_reads_is_cut(self):
        with Server("--no-log-requests") as server:
            expected = text_of(server.events("7*8=?"))
            sock = server.start_stream(n=8, logprobs=True, top_logprobs=20, **ENDLESS)
            server.wait_for_metric("requests_cancelled_total", 1, seconds=120)
            _, _, text = server.ask("GET", "/metrics")
            self.assertIn('reason="too_slow"} 1', text)
            self.assertEqual(text_of(server.events("7*8=?")), expected)
            sock.close()
            self.check_identity(server)

    def test_slow_heads_and_bodies(self):
        with Server("--no-log-requests") as server:
            self.assertEqual(server.raw(b"GET /health HT", seconds=30).split(b" ")[1], b"408")

    def test_a_crowd(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, STREAMS + 100)), hard))
        with Server("--no-log-requests") as server:
            expected = text_of(server.events("7*8=?"))
            chooser = selectors.DefaultSelector()
            seen: dict[socket.socket, bytearray] = {}
            for _ in range(STREAMS):
                sock = server.start_stream()
                sock.setblocking(False)
                seen[sock] = bytearray()
                chooser.register(sock, selectors.EVENT_READ)
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            end = time.monotonic() + 300
            left = STREAMS
            while left:
                self.assertLess(time.monotonic(), end, f"{left} streams without an end")
                for key, _ in chooser.select(1):
                    piece = key.fileobj.recv(65536)
                    self.assertTrue(piece, "a stream broke")
                    data = seen[key.fileobj]
                    data += piece
                    if data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
                        chooser.unregister(key.fileobj)
                        left -= 1
            for sock, data in seen.items():
                sock.close()
                events = [json.loads(line[6:]) for line in data.decode().split("\n")
                          if line.startswith("data: {")]
                self.assertEqual(text_of(events), expected)
            self.assertEqual(server.metric("requests_completed_total"), STREAMS + 1)
            self.check_identity(server)

    def test_a_full_queue(self):
        with Server("--no-log-requests", "--max-sequences", "1", "--max-queue", "1") as server:
            socks = [server.start_stream(**ENDLESS) for _ in range(2)]
            server.wait_for_metric("requests_admitted_total", 2)
            status, headers, reply = server.chat()
            self.assertEqual((status, reply["error"]["code"]), (503, "overloaded"))
            self.assertGreaterEqual(int(headers["Retry-After"]), 1)
            for sock in socks:
                sock.close()
            server.wait_for_metric("requests_cancelled_total", 2)
            self.assertEqual(server.chat()[0], 200)

    def test_keys(self):
        makers = {}
        lines = ""
        for name in ("alice", "slow", "watcher"):
            made = as_json("serve", "--new-api-key", name)
            makers[name] = {"Authorization": f"Bearer {made['key']}"}
            extra = {"slow": " rpm=1", "watcher": " scopes=metrics"}.get(name, "")
            lines += made["line"].replace(" scopes=generate", extra) + "\n"
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
            file.write(lines)
            file.flush()
            with Server("--api-keys", file.name, "--log-json") as server:
                self.keys_hold(server, makers)
                file.seek(0)
                file.truncate()
                file.write("nonsense\n")
                file.flush()
                server.process.send_signal(signal.SIGHUP)
                end = time.monotonic() + 30
                while "keys kept as they were" not in server.logged():
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.02)
                self.assertEqual(server.ask("GET", "/v1/models", **makers["alice"])[0], 200)
                logged = server.logged()
            for headers in makers.values():
                self.assertNotIn(headers["Authorization"].split()[1], logged)
            self.assertNotIn("secret words", logged)
            requests = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
            self.assertTrue(any(r.get("key") == "alice" and r["status"] == 200 for r in requests))

    def keys_hold(self, server: Server, makers: dict):
        for probe in ("/health", "/ready"):
            self.assertEqual(server.ask("GET", probe)[0], 200)
        body = {"messages": [{"role": "user", "content": "secret words"}], "max_tokens": 2}
        chat = "/v1/chat/completions"
        for path in ("/v1/models", "/metrics", "/health?verbose", "/nothing", "/v1//models", "/V1/models",
                     "/health/", "/health/../v1/models", "/%68ealth", "//health", "/health;/x"):
            self.assertEqual(server.ask("GET", path)[0], 401, path)
            self.assertEqual(server.ask("GET", path, Host="a/?x=")[0], 400, path)
        # However a path is written: without a key no route but the open ones answers.
        for method, route in (("GET", "/v1/models"), ("POST", chat), ("POST", "/v1/completions"),
                              ("POST", "/v1/embeddings"), ("GET", "/v1/adapters"),
                              ("POST", "/v1/adapters"), ("DELETE", "/v1/adapters/a"),
                              ("POST", "/tokenize"), ("POST", "/detokenize"),
                              ("GET", "/metrics"), ("POST", "/v1/resume"),
                              ("POST", "/v1/watermark/detect"), ("GET", "/v1/models/mini")):
            for path in (route, route + "/", "/" + route, route + "?x=1", route.upper(),
                         route + ".", route + "%00", route + ";x", "/." + route, "/x/.." + route,
                         route + "%2f", route.replace("/", "//"),
                         "/" + route[1:].replace("/", "%2f"), route + "/../health",
                         "/health/.." + route, "/page/.." + route, "/%2e%2e" + route,
                         "/x/%2e%2e" + route, "/health/%2e%2e" + route, "/page/%2E%2e" + route,
                         route + "/%2e%2e/health", route + "/%2e"):
                for key in ({}, {"Authorization": "Bearer hearth-" + "0" * 64}, {"X-Api-Key": "x"}):
                    status = server.ask(method, path, {"input": "a"}, **key)[0]
                    allowed = (404, 405) if path.startswith(("/page/",)) else ()
                    self.assertIn(status, (401, *allowed), (method, path, key))
        self.assertEqual(server.ask("GET", "/health?verbose")[0], 401)
        self.assertEqual(server.ask("GET", "/health?verbose", **makers["alice"])[0], 403)
        self.assertEqual(server.ask("GET", "/health?verbose", **makers["watcher"])[0], 200)
        for bad in ("", "Bearer", "Bearer ", "Bearer x", "Basic " + "a" * 1000):
            self.assertEqual(server.ask("POST", chat, body, Authorization=bad)[0], 401)
        self.assertEqual(server.ask("POST", chat, body, **makers["alice"])[0], 200)
        self.assertEqual(server.ask("GET", "/metrics", **makers["alice"])[0], 403)
        self.assertEqual(server.ask("GET", "/metrics", **makers["watcher"])[0], 200)
        self.assertEqual(server.ask("POST", chat, body, **makers["watcher"])[0], 403)
        self.assertEqual(server.ask("POST", chat, body, **makers["slow"])[0], 200)
        status, headers, _ = server.ask("POST", chat, body, **makers["slow"])
        self.assertEqual(status, 429)
        self.assertGreater(int(headers["Retry-After"]), 30)

    def test_a_port_for_administration(self):
        """What administers and watches is there and nowhere else, probes at both, the rest at the other."""
        adapters = ("POST", "/v1/adapters", {"name": "a", "path": "x"})
        with Server("--admin-port", "0", "--no-log-requests") as server:
            def status(port, method, path, body=None):
                with contextlib.closing(http.client.HTTPConnection(
                        server.host, port, timeout=60)) as connection:
                    connection.request(method, path, body and json.dumps(body))
                    return connection.getresponse().status

            admin = server.announced["admin_port"]
            self.assertNotEqual(admin, server.port)
            for request, there, here in (
                    (("GET", "/metrics"), 200, 404), (("GET", "/health?verbose"), 200, 404),
                    (("GET", "/v1/adapters"), 200, 404), (adapters, 403, 404),
                    (("DELETE", "/v1/adapters/a"), 404, 404),
                    (("GET", "/health"), 200, 200), (("GET", "/ready"), 200, 200),
                    (("GET", "/"), 404, 200), (("GET", "/page/app.js"), 404, 200),
                    (("GET", "/v1/models"), 404, 200),
                    (("POST", "/tokenize", {"prompt": "a"}), 404, 200),
                    (("POST", "/v1/completions", {"prompt": "1", "max_tokens": 1}), 404, 200)):
                self.assertEqual(status(admin, *request), there, request)
                self.assertEqual(status(server.port, *request), here, request)
            self.assertEqual(server.chat("1+1=?", max_tokens=1)[0], 200)
        with Server("--admin-port", "0", "--max-connections", "1", "--no-log-requests") as server:
            running = server.start_stream(**ENDLESS)
            self.assertTrue(running.recv(1))
            self.assertEqual(server.ask("GET", "/health")[0], 503)  # full
            self.assertEqual(status(server.announced["admin_port"], "GET", "/metrics"), 200)
            running.close()
        for args, word in ((("--admin-host", "127.0.0.1"), "--admin-port"),
                           (("--admin-port", "0", "--admin-host", "nowhere", "--insecure"),
                            "--admin-host"),
                           (("--admin-port", "0", "--admin-host", "0.0.0.0"), "--admin-host 0.0.0.0")):
            self.assertIn(word, hearth("serve", "--model", MINI, "--port", "0", *args, code=2).stderr)

    def test_pages_of_others_read_nothing_unless_said(self):
        page, other = "https://example.org", "https://example.org.evil.example"
        asked = (("GET", "/health", None), ("OPTIONS", "/v1/chat/completions", None),
                 ("POST", "/v1/chat/completions",
                  {"messages": [{"role": "user", "content": "1+1=?"}], "max_tokens": 1}),
                 ("POST", "/v1/chat/completions",
                  {"messages": [{"role": "user", "content": "1+1=?"}], "max_tokens": 1,
                   "stream": True}))
        for flags in ((), ("--cors-origin", page)):
            with Server("--no-log-requests", *flags) as server:
                for method, path, body in asked:
                    for origin in (None, page, other, "null", "*"):
                        sent = {} if origin is None else {"Origin": origin}
                        status, headers, _ = server.ask(method, path, body, **sent)
                        told = headers.get_all("Access-Control-Allow-Origin")
                        allowed = bool(flags) and origin == page
                        self.assertEqual(told, [page] if allowed else None, (method, origin))
                        self.assertIsNone(headers["Access-Control-Allow-Credentials"])
                        if origin and not allowed:
                            self.assertEqual(status, 403, (method, origin))
                        elif method != "OPTIONS" or allowed:
                            self.assertIn(status, (200, 204), (method, origin))
                        if allowed:
                            self.assertIn("Origin", headers["Vary"])

    def test_a_request_keeps_its_id(self):
        """In the header, in the answer and in the log line, for answers of all kinds."""
        question = {"messages": [{"role": "user", "content": "1+1=?"}], "max_tokens": 1}
        asked = ((200, "POST", "/v1/chat/completions", question),
                 (200, "POST", "/v1/chat/completions", {**question, "stream": True}),
                 (200, "POST", "/v1/completions", {"prompt": "1", "max_tokens": 1}),
                 (200, "POST", "/v1/embeddings", {"input": "1"}), (200, "GET", "/health", None),
                 (400, "POST", "/v1/chat/completions", {}), (404, "GET", "/nothing", None))
        for flags in ((), ("--log-json",)):
            ids = []
            with Server(*flags) as server:
                for i, (expected, method, path, body) in enumerate(asked):
                    for sent in ({}, {"X-Request-Id": f"mine-{i}"}):
                        status, headers, reply = server.ask(method, path, body, **sent)
                        self.assertEqual(status, expected, (path, body))
                        found = headers["X-Request-Id"]
                        self.assertEqual(found, sent.get("X-Request-Id", found))
                        ids.append((found, path, status))
                        if isinstance(reply, str):
                            reply = json.loads(reply.split("\n")[0].removeprefix("data: "))
                        if path.endswith("completions") and status == 200:
                            self.assertEqual(reply["id"].split("-", 1)[1], found)
                self.assertEqual(len({i for i, _, _ in ids}), 2 * len(asked))
                end = time.monotonic() + 30  # a line is written behind its answer
                while (logged := server.logged()).count("mine-") < len(asked):
                    self.assertLess(time.monotonic(), end, logged)
            for found, path, status in ids:
                lines = [line for line in logged.splitlines() if found in line]
                self.assertEqual(len(lines), 1, (found, logged))
                if flags:
                    line = json.loads(lines[0])
                    self.assertEqual((line["request_id"], line["path"], line["status"]),
                                     (found, path, status))
                else:
                    self.assertRegex(lines[0], rf" {path} {status} .* {found}$")

    def test_keys_share_no_cache(self):
        question = "".join(f"{n}-{n // 3}=? " for n in range(60))
        headers, lines = [], ""
        for name in ("alice", "bob"):
            made = as_json("serve", "--new-api-key", name)
            headers.append({"Authorization": f"Bearer {made['key']}"})
            lines += made["line"] + "\n"
        body = {"messages": [{"role": "user", "content": question}], "max_tokens": 2}
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
            file.write(lines)
            file.flush()
            with Server("--api-keys", file.name) as server:
                hits = []
                for key in (headers[0], headers[1], headers[0], headers[1]):
                    status, _, reply = server.ask("POST", "/v1/chat/completions", body, **key)
                    self.assertEqual(status, 200)
                    hits.append(reply["usage"]["prompt_cache_hit_tokens"])
        self.assertEqual(hits[:2], [0, 0])
        self.assertGreater(min(hits[2:]), 0)

    def test_it_may_be_ended_as_soon_as_it_is_announced(self):
        for _ in range(10):
            with Server("--no-log-requests"):
                pass  # its end insists on exit code 0

    def test_the_drain(self):
        with Server("--no-log-requests") as server:
            running = server.start_stream(**ENDLESS)
            self.assertTrue(running.recv(1))
            idle = server.connect()
            idle.connect()
            server.process.send_signal(signal.SIGTERM)
            end = time.monotonic() + 20
            while (ready := server.ask("GET", "/ready"))[0] != 503:
                self.assertLess(time.monotonic(), end)
            self.assertIn("Retry-After", ready[1])
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            status, headers, _ = server.chat()
            self.assertEqual(status, 503)
            self.assertIn("Retry-After", headers)
            seen = b""
            while piece := running.recv(65536):
                seen += piece
            self.assertTrue(seen.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), seen[-200:])
            self.assertNotIn(b'"error"', seen)
            self.assertEqual(server.process.wait(timeout=30), 0)

    def test_a_drain_that_cuts_says_so(self):
        with Server("--no-log-requests", "--drain-seconds", "0", "--max-sequences", "1") as server:
            running = server.start_stream(**ENDLESS)
            self.assertTrue(running.recv(1))
            server.process.send_signal(signal.SIGTERM)
            seen = b""
            while piece := running.recv(65536):
                seen += piece
            self.assertIn(b'data: {"error"', seen)
            self.assertTrue(seen.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), seen[-200:])

    def test_wrong_flags(self):
        for args, word in ((("--host", "0.0.0.0"), "--api-keys"), (("--host", "nowhere"), "--host"),
                           (("--api-keys", "/nonexistent"), "/nonexistent"),
                           (("--tls-cert", "a"), "--tls-key"), (("--port", "70000"), "--port")):
            if args[1] == "nowhere":
                args = (*args, "--insecure")
            self.assertIn(word, hearth("serve", "--model", MINI, *args, code=2).stderr)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                            "-keyout", key, "-out", cert], check=True, capture_output=True)
            with Server("--tls-cert", cert, "--tls-key", key, "--no-log-requests") as server:
                context = ssl.create_default_context(cafile=cert)
                with contextlib.closing(http.client.HTTPSConnection(
                        "localhost", server.port, context=context, timeout=60)) as connection:
                    for _ in range(2):
                        connection.request("POST", "/v1/chat/completions", json.dumps({
                            "messages": [{"role": "user", "content": "12+30=?"}], "stream": True}))
                        self.assertIn(b"data: [DONE]", connection.getresponse().read())
                    connection.request("POST", "/v1/chat/completions", json.dumps({
                        "messages": [{"role": "user", "content": "7*8=?"}], "stream": True,
                        **ENDLESS}))
                    self.assertTrue(connection.getresponse().read(1))
                end = time.monotonic() + 20
                while True:
                    with contextlib.closing(http.client.HTTPSConnection(
                            "localhost", server.port, context=context, timeout=60)) as connection:
                        connection.request("GET", "/metrics")
                        text = connection.getresponse().read()
                    if b'reason="disconnected"} 1' in text:
                        break
                    self.assertLess(time.monotonic(), end)
            with Server("--tls-cert", cert, "--tls-key", key, "--max-connections", "1") as full:
                def health():
                    asked = http.client.HTTPSConnection("localhost", full.port, context=context,
                                                        timeout=60)
                    asked.request("GET", "/health")
                    return asked, asked.getresponse()

                only, reply = health()
                self.assertEqual((reply.status, reply.read()), (200, b'{"status":"ok"}'))
                for _ in range(3):
                    more, refused = health()
                    self.assertEqual((refused.status, refused.headers["Retry-After"]), (503, "1"))
                    self.assertIn(b'"overloaded"', refused.read())
                    more.close()
                only.close()


if __name__ == "__main__":
    sys.exit(run_script("serve"))
