#!/usr/bin/env python3
"""The server as clients meet it: `hearth serve` on a free port, spoken to over real sockets.
Usage: tests/serve_test.py BINARY REPO [STREAMS]. Standard library only."""

import contextlib
import http.client
import json
import math
import re
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

from command import BINARY, MINI, REPO, as_json, hearth
from recorded import run_script
from serve_client import ENDLESS, Server, text_of, write_adapter

STREAMS = int(sys.argv[3]) if len(sys.argv) > 3 else 200  # at once; `make soak` says 1000


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--no-log-requests"))

    def test_a_chat_and_its_stream(self):
        status, headers, reply = self.server.chat("37*48=?", novelty=1)
        self.assertEqual(status, 200)
        self.assertEqual(headers["X-Hearth-Ignored"], "novelty")
        _, headers, _ = self.server.chat("1+1=?", max_tokens=1, chat_template_kwargs={
            "enable_thinking": False})
        self.assertEqual(headers["X-Hearth-Ignored"], "enable_thinking")  # R1's template has none
        message = reply["choices"][0]["message"]
        self.assertIn("1776", message["content"])
        self.assertIn("037*048", message["reasoning_content"])
        usage = reply["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
        self.assertGreater(usage["completion_tokens_details"]["reasoning_tokens"], 0)
        events = self.server.events("37*48=?", stream_options={"include_usage": True})
        self.assertEqual(text_of(events), message["content"])
        self.assertEqual(text_of(events, "reasoning_content"), message["reasoning_content"])
        self.assertEqual(events[-1]["usage"], usage)
        self.assertEqual(events[0]["choices"][0]["delta"]["role"], "assistant")
        self.assertEqual(events[-2]["choices"][0]["finish_reason"], "stop")

    def test_stops_lengths_and_seeds(self):
        _, _, cut = self.server.chat(stop=["=4"])
        self.assertEqual(cut["choices"][0]["message"]["content"], "12+30")
        _, _, short = self.server.chat(max_tokens=3)
        self.assertEqual(short["choices"][0]["finish_reason"], "length")
        self.assertEqual(short["usage"]["completion_tokens"], 3)
        same = [self.server.chat(temperature=50, seed=5, n=2, max_tokens=30)[2]["choices"]
                for _ in range(2)]
        self.assertEqual(same[0], same[1])
        self.assertNotEqual(same[0][0]["message"], same[0][1]["message"])

    def test_a_thought_keeps_its_budget(self):
        for budget in (0, 5, 64):
            for stream in (False, True):
                asked = {"thinking_budget": budget, "max_tokens": 300, "temperature": 0}
                if stream:
                    events = self.server.events("37*48=?", **asked,
                                                stream_options={"include_usage": True})
                    content, usage = text_of(events), events[-1]["usage"]
                    thought = text_of(events, "reasoning_content")
                else:
                    reply = self.server.chat("37*48=?", **asked)[2]
                    message, usage = reply["choices"][0]["message"], reply["usage"]
                    content, thought = message["content"], message["reasoning_content"]
                self.assertTrue(content)
                self.assertTrue(thought.endswith("will answer now."), thought)
                spent = usage["completion_tokens_details"]["reasoning_tokens"]
                self.assertLessEqual(spent, budget + 60)
        free = self.server.chat("37*48=?", temperature=0)[2]["choices"][0]["message"]
        high = self.server.chat("37*48=?", temperature=0, reasoning_effort="high")[2]
        self.assertEqual(high["choices"][0]["message"], free)

    def test_prompts_are_cached_and_shared(self):
        question = "".join(f"{n}+{n * 7}=? " for n in range(60))
        cold, warm = (self.server.chat(question, temperature=0, max_tokens=8)[2] for _ in range(2))
        self.assertEqual(cold["usage"]["prompt_cache_hit_tokens"], 0)
        found = warm["usage"]["prompt_cache_hit_tokens"]
        self.assertEqual(found, (cold["usage"]["prompt_tokens"] - 1) // 64 * 64)
        self.assertGreater(found, 0)
        self.assertEqual(cold["choices"], warm["choices"])
        asked = {"logprobs": True, "temperature": 0, "max_tokens": 8}  # found in the cache, too
        judged = self.server.chat(question, **asked)[2]
        self.assertEqual(judged["usage"]["prompt_cache_hit_tokens"], found)
        self.assertEqual(judged["choices"][0]["message"], cold["choices"][0]["message"])
        self.assertGreater(self.server.metric("prefix_cache_hits_total"), 0)

    def test_turns_share_what_they_have_in_common(self):
        """The template drops earlier thoughts: a turn's prompt goes with the last one's up to its
        answer, where the thought stood."""
        def prompt_of(messages):
            return self.server.ask("POST", "/tokenize", {"messages": messages})[2]["tokens"]

        def in_common(a, b):
            return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))

        def ask(server, messages):
            return server.ask("POST", "/v1/chat/completions",
                              {"messages": messages, "temperature": 0, "max_tokens": 200})[2]

        for how in ("left out", "beside the answer", "in the answer"):
            messages, known, hits = [], [], []
            for turn in range(3):
                question = f"{how}: " + "".join(f"{n}+{n * 7 + turn}=? " for n in range(40))
                messages.append({"role": "user", "content": question})
                prompt = prompt_of(messages)
                # Whole blocks of 64; the last token is computed whatever is known.
                expected = max((min(in_common(prompt, p), len(prompt) - 1) // 64 * 64
                                for p in known), default=0)
                reply = ask(self.server, messages)
                self.assertEqual(reply["usage"]["prompt_tokens"], len(prompt))
                hits.append(reply["usage"]["prompt_cache_hit_tokens"])
                self.assertEqual(hits[-1], expected, (how, turn))
                with Server("--no-log-requests") as fresh:
                    cold = ask(fresh, messages)
                self.assertEqual(cold["usage"]["prompt_cache_hit_tokens"], 0)
                self.assertEqual(cold["choices"], reply["choices"])
                known.append(prompt)
                message = reply["choices"][0]["message"]
                thought, content = message["reasoning_content"], message["content"] or ""
                self.assertTrue(thought)
                told = {"left out": {"content": content},
                        "beside the answer": {"content": content, "reasoning_content": thought},
                        "in the answer": {"content": f"<think>{thought}</think>{content}"}}[how]
                messages.append({"role": "assistant", **told})
                plain = [*messages[:-1], {"role": "assistant", "content": content}]
                self.assertEqual(prompt_of(messages), prompt_of(plain), "a thought stayed")
            self.assertGreater(hits[1], 128)
            self.assertGreater(hits[2], hits[1] + 128)

    def test_completions_and_tokens(self):
        _, _, tokens = self.server.ask("POST", "/tokenize", {"prompt": "12+30"})
        _, _, text = self.server.ask("POST", "/detokenize", {"tokens": tokens["tokens"][1:]})
        self.assertEqual(text["prompt"], "12+30")
        for prompt in ("12+30", tokens["tokens"], ["12+30", "7"]):
            status, _, reply = self.server.ask(
                "POST", "/v1/completions", {"prompt": prompt, "max_tokens": 4, "logprobs": 2})
            self.assertEqual(status, 200)
            self.assertEqual(len(reply["choices"][0]["logprobs"]["tokens"]), 4)
        self.assertEqual(len(reply["choices"]), 2)

    def test_small_routes(self):
        self.assertEqual(self.server.ask("GET", "/health")[0], 200)
        self.assertEqual(self.server.ask("GET", "/ready")[0], 200)
        self.assertEqual(self.server.ask("GET", "/v1/models")[2]["data"][0]["id"], "mini")
        self.assertEqual(self.server.ask("GET", "/v1/models/mini")[2]["id"], "mini")
        self.assertEqual(self.server.ask("GET", "/v1/models/other")[0], 404)
        _, headers, _ = self.server.ask("GET", "/health", **{"X-Request-Id": "abc-1"})
        self.assertEqual(headers["X-Request-Id"], "abc-1")
        _, headers, _ = self.server.ask("GET", "/health", **{"X-Request-Id": "a b"})
        self.assertTrue(headers["X-Request-Id"].startswith("req-"))

    def test_the_dashboard_shows_what_there_is(self):
        source = (REPO / "src/hearth/serve/metrics.cc").read_text()
        made = re.findall(r'(counters|gauges?|histogram)\(\s*"hearth_(\w+)"', source)
        there = {name + ("_bucket" if kind == "histogram" else "") for kind, name in made}
        shown = set(re.findall(r"hearth_(\w+)", (REPO / "deploy/grafana/hearth.json").read_text()))
        self.assertGreater(len(shown), 10)
        self.assertEqual(shown - there, set())

    def test_the_metrics_that_are_promised(self):
        question = "".join(f"{n}+{n * 3}=? " for n in range(40))
        for _ in range(2):  # the second finds its prompt in the cache
            self.assertEqual(self.server.chat(question, max_tokens=4)[0], 200)
        body = {"messages": [{"role": "user", "content": "7*8=?"}], **ENDLESS}
        self.assertEqual(self.server.ask("POST", "/v1/chat/completions", body,
                                         **{"X-Request-Timeout": "50ms"})[0], 408)
        _, _, text = self.server.ask("GET", "/metrics")
        types = dict(re.findall(r"^# TYPE hearth_(\w+) (\w+)$", text, re.M))
        for name in ("time_to_first_token_seconds", "inter_token_latency_seconds",
                     "request_queue_time_seconds", "e2e_request_latency_seconds"):
            self.assertEqual(types.get(name), "histogram", name)
            self.assertGreater(self.server.metric(f"{name}_count"), 0, name)
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"):
            self.assertEqual(types.get(name), "gauge", name)
        for name in ("prefix_cache_hits_total", "prompt_tokens_total", "generation_tokens_total",
                     "requests_failed_total"):
            self.assertEqual(types.get(name), "counter", name)
            self.assertGreater(self.server.metric(name), 0, name)
        self.assertRegex(text, r'hearth_requests_failed_total\{.*type="deadline_exceeded"\} [1-9]')

    def test_adapters_come_and_go(self):
        with tempfile.TemporaryDirectory() as folder:
            write_adapter(f"{folder}/one", 0.5)
            with Server("--adapter", f"first={folder}/one", "--adapter-dir", folder) as server:
                bare = server.chat(temperature=0)[2]["choices"]
                first = server.chat(model="mini:first", temperature=0)[2]
                self.assertEqual(first["model"], "mini:first")
                self.assertNotEqual(first["choices"], bare)
                self.assertEqual(server.ask("POST", "/v1/adapters", {"name": "b", "path": "x"})[0], 404)
                status, _, loaded = server.ask("POST", "/v1/adapters", {"name": "b", "path": "one"})
                self.assertEqual((status, loaded["model"]), (200, "mini:b"))
                self.assertEqual(server.chat(model="mini:b", temperature=0)[2]["choices"],
                                 first["choices"])
                self.assertEqual(server.ask("DELETE", "/v1/adapters/b")[0], 200)
                self.assertEqual(server.chat(model="mini:b")[0], 404)
                names = [m["id"] for m in server.ask("GET", "/v1/models")[2]["data"]]
                self.assertEqual(names, ["mini", "mini:first"])

    def test_many_requests_on_one_connection(self):
        with contextlib.closing(self.server.connect()) as connection:
            for _ in range(20):
                connection.request("GET", "/health")
                self.assertEqual(connection.getresponse().read(), b'{"status":"ok"}')

    def test_embeddings(self):
        texts = ["12+30=?", "7*8=?"]
        status, headers, reply = self.server.ask("POST", "/v1/embeddings",
                                                 {"input": texts, "novelty": 1})
        self.assertEqual((status, headers["X-Hearth-Ignored"]), (200, "novelty"))
        for vector in reply["data"]:
            self.assertAlmostEqual(math.hypot(*vector["embedding"]), 1, delta=1e-5)
        with Server("--pooling", "last", "--no-log-requests") as server:
            last = server.ask("POST", "/v1/embeddings", {"input": texts})[2]
        self.assertNotEqual(last["data"][0], reply["data"][0])
        self.assertEqual(last["usage"]["total_tokens"], reply["usage"]["total_tokens"])

    def test_a_timeout_of_the_client(self):
        body = {"messages": [{"role": "user", "content": "7*8=?"}], **ENDLESS}
        chat = ("POST", "/v1/chat/completions")
        status, _, reply = self.server.ask(*chat, body, **{"X-Request-Timeout": "100ms"})
        self.assertEqual((status, reply["error"]["code"]), (408, "deadline_exceeded"))
        status, _, text = self.server.ask(*chat, {**body, "stream": True},
                                          **{"X-Request-Timeout": "0.2"})
        self.assertEqual(status, 200)
        self.assertIn('"code":"deadline_exceeded"', text)
        self.assertTrue(text.endswith("data: [DONE]\n\n"))
        status, _, reply = self.server.ask(*chat, body, **{"X-Request-Timeout": "soon"})
        self.assertEqual((status, reply["error"]["param"]), (400, "X-Request-Timeout"))

    def test_the_memory_is_stated(self):
        stated = self.server.announced["memory"]
        parts = ("weights", "kv_cache", "scratch", "adapters", "expert_cache", "process",
                 "connections")
        self.assertEqual(stated["total_bytes"], sum(stated[f"{p}_bytes"] for p in parts))
        self.assertGreater(min(stated[f"{p}_bytes"] for p in parts
                               if p not in ("adapters", "expert_cache")), 0)
        self.assertEqual(self.server.ask("GET", "/health?verbose")[2]["memory"], stated)
        self.assertEqual(self.server.metric("memory_budget_bytes"), stated["total_bytes"])
        with Server("--no-log-requests", "--kv-memory", "400", "--max-connections", "8") as large:
            found = large.announced["memory"]
        self.assertGreater(found["kv_cache_bytes"], 390_000_000)
        self.assertEqual(found["connections_bytes"], 8 * 65536)
        # The program is no larger for it: nothing is stated twice.
        self.assertLess(abs(found["process_bytes"] - stated["process_bytes"]), 20_000_000)
        run = subprocess.run([BINARY, "serve", "--model", MINI, "--port", "0",
                              "--kv-memory", "900000000"],
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stderr, r"KV cache of \d+\.\d GB .* --kv-memory \d+ would fit")
        self.assertEqual(run.stderr.count("\n"), 1)


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
                time.sleep(0.3)
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
                              ("GET", "/metrics")):
            for path in (route, route + "/", "/" + route, route + "?x=1", route.upper(),
                         route + ".", route + "%00", route + ";x", "/." + route, "/x/.." + route,
                         route + "%2f", route.replace("/", "//"),
                         "/" + route[1:].replace("/", "%2f"), route + "/../health",
                         "/health/.." + route, "/page/.." + route):
                for key in ({}, {"Authorization": "Bearer hearth-" + "0" * 64}, {"X-Api-Key": "x"}):
                    status = server.ask(method, path, {"input": "a"}, **key)[0]
                    allowed = (404, 405) if path.startswith(("/page/", "/health/..")) else ()
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


if __name__ == "__main__":
    sys.exit(run_script("serve"))
