#!/usr/bin/env python3
"""What the server answers: each route of `hearth serve` on a free port, spoken to over real sockets.
Usage: tests/serve_protocol_test.py BINARY REPO. Standard library only."""

import contextlib
import math
import re
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, MINI, REPO
from recorded import run_script
from serve_client import ENDLESS, Server, text_of, write_adapter


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
        _, headers, _ = self.server.ask("POST", "/v1/chat/completions", {
            "messages": [{"role": "user", "content": "1", "foo": 1}], "max_tokens": 1,
            "stream_options": {"zz": 1}, "functions": []})
        self.assertEqual(headers["X-Hearth-Ignored"], "messages.foo,stream_options.zz,functions")
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
                content = message["content"] or ""
                # Such questions are none that the model knows: it may answer without a thought.
                thought = message.get("reasoning_content") or "0+7+0=07"
                told = {"left out": {"content": content},
                        "beside the answer": {"content": content, "reasoning_content": thought},
                        "in the answer": {"content": f"<think>{thought}</think>{content}"}}[how]
                messages.append({"role": "assistant", **told})
                plain = [*messages[:-1], {"role": "assistant", "content": content}]
                self.assertEqual(prompt_of(messages), prompt_of(plain), "a thought stayed")
            self.assertGreater(hits[1], 128)
            self.assertGreater(hits[2], hits[1] + 128)

    def test_completions_and_tokens(self):
        _, headers, tokens = self.server.ask("POST", "/tokenize", {"prompt": "12+30", "zz": 1})
        self.assertEqual(headers["X-Hearth-Ignored"], "zz")
        _, headers, text = self.server.ask("POST", "/detokenize",
                                           {"tokens": tokens["tokens"][1:], "zz": 1})
        self.assertEqual(headers["X-Hearth-Ignored"], "zz")
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
                status, headers, loaded = server.ask("POST", "/v1/adapters",
                                                     {"name": "b", "path": "one", "zz": 1})
                self.assertEqual((status, loaded["model"], headers["X-Hearth-Ignored"]),
                                 (200, "mini:b", "zz"))
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


if __name__ == "__main__":
    sys.exit(run_script("serve_protocol"))
