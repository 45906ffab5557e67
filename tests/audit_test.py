#!/usr/bin/env python3
"""The audit log and the labels of `hearth serve`: each request is one event whatever its end, nobody
is named in the clear, a person is forgotten and the chain stays whole, no answer that a client has
is missing after kill -9, a full disk is refused. The chain is checked by a verifier of its own.
Usage: tests/audit_test.py BINARY REPO. Standard library only. AUDIT_KILLS=1000 kills as often."""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import resource
import sys
import tempfile
import threading
import time
import unittest

from command import hearth
from recorded import run_script
from serve_client import ENDLESS, Server, text_of

PREFIX = "[AI-generated content]\n\n"
MEMBERS = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator",
           "PropagateID", "ReservedCode2"]


def events(log: str) -> list[dict]:
    """What docs/audit.md says of a line, and nothing of Hearth's own reader."""
    out, before = [], "0" * 64
    for line in pathlib.Path(log).read_bytes().splitlines(keepends=True):
        assert line.endswith(b'"}\n'), line[-80:]
        body, hash_digits = line[:-76], line[-67:-3].decode()
        assert hashlib.sha256(body).hexdigest() == hash_digits
        event = json.loads(line)
        assert (event["seq"], event["prev"]) == (len(out), before)
        before = hash_digits
        out.append(event)
    return out


def requests(log: str) -> list[dict]:
    return [event for event in events(log) if event["kind"] == "request"]


def audit(*args: str, code: int = 0) -> str:
    return hearth("audit", *args, code=code).stdout


def keys_file(folder: str, **rates: str) -> str:
    path = os.path.join(folder, "keys")
    with open(path, "w", encoding="utf-8") as file:
        for name, more in rates.items():
            file.write(f"{name} sha256:{hashlib.sha256(name.encode()).hexdigest()} {more}\n")
    return path


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.log = os.path.join(self.folder, "audit.log")

    def wait_for_events(self, count: int):
        end = time.monotonic() + 20
        while len(requests(self.log)) < count and time.monotonic() < end:
            time.sleep(0.02)

    def test_one_event_whatever_the_end(self):
        keys = keys_file(self.folder, anna="", slow="rpm=1", bert="pii=block")
        with Server("--audit-log", self.log, "--api-keys", keys, "--pii", "log_only") as server:
            def chat(key: str, **members):
                body = {"messages": [{"role": "user", "content": "1+2=?"}], "max_tokens": 4,
                        **members}
                return server.ask("POST", "/v1/chat/completions", body,
                                  Authorization=f"Bearer {key}")[0]
            statuses = [chat("anna"), chat("anna", stream=True), chat("nobody"), chat("slow"),
                        chat("slow"), chat("anna", temperature="hot"),
                        server.ask("GET", "/v1/canary@example.org", None,
                                   Authorization="Bearer anna")[0],
                        server.ask("GET", "/health")[0]]
            bert = {"messages": [{"role": "user", "content": "mail jane.doe@example.org"}]}
            statuses.append(server.ask("POST", "/v1/chat/completions", bert,
                                       Authorization="Bearer bert")[0])
        self.assertEqual(statuses, [200, 200, 401, 200, 429, 400, 404, 200, 400])
        found = [(e["status"], e["state"], e["route"], e.get("reason", "")) for e in
                 requests(self.log)]
        chat_route = "/v1/chat/completions"
        self.assertEqual(found, [
            (200, "complete", chat_route, ""), (200, "complete", chat_route, ""),
            (401, "refused", chat_route, "invalid_api_key"), (200, "complete", chat_route, ""),
            (429, "refused", chat_route, "rate_limit_exceeded"),
            (400, "refused", chat_route, "invalid_type"), (404, "refused", "unknown", "not_found"),
            (400, "refused", chat_route, "personal_data")])
        first, stream = requests(self.log)[:2]
        self.assertEqual(first["key"], hashlib.sha256(b"anna").hexdigest()[:16])
        self.assertEqual(len(first["model_hash"]), 64)
        for event in (first, stream):
            self.assertEqual(event["completion_tokens"], 4)
            self.assertGreater(event["prompt_tokens"], 4)
            self.assertEqual(event["watermark_key"], "")
        self.assertTrue(json.loads(audit("verify", self.log, "--json"))["ok"])

    def test_a_client_that_goes_away(self):
        with Server("--audit-log", self.log, "--audit-fsync", "second") as server:
            whole = server.chat("7*8=?", max_tokens=1)[2]["usage"]
            with server.start_stream(**ENDLESS) as stream:
                seen = b""
                while b'"role"' not in seen:  # comes with the first token
                    seen += stream.recv(4096)
            self.wait_for_events(2)
        event = requests(self.log)[1]
        self.assertEqual((event["state"], event["reason"]), ("cancelled", "disconnected"))
        self.assertEqual(event["prompt_tokens"], whole["prompt_tokens"])
        self.assertGreater(event["completion_tokens"], 0)

    def test_nobody_is_named_and_one_is_forgotten(self):
        canaries = ["canary-user", "canary-request", "canary-key", "13800138000", "canary-words"]
        keys = keys_file(self.folder, **{"canary-key": ""})
        with Server("--audit-log", self.log, "--api-keys", keys, "--audit-text", "on",
                    "--pii", "mask") as server:
            for user in ("canary-user", "other"):
                body = {"messages": [{"role": "user", "content": "canary-words 13800138000"}],
                        "max_tokens": 2, "user": user}
                status, _, _ = server.ask(
                    "POST", "/v1/chat/completions", body,
                    **{"Authorization": "Bearer canary-key", "X-Request-Id": "canary-request"})
                self.assertEqual(status, 200)

            def clear():
                everything = b"".join(path.read_bytes() for path in pathlib.Path(
                    self.folder).iterdir() if path.name.startswith("audit.log"))
                return [c for c in canaries if c.encode() in everything]
            self.assertEqual(clear(), [])
            # While the server runs: what is the person's is shown, then gone, for good.
            subject = "canary-key/canary-user"
            shown = json.loads(audit("export", self.log, "--subject", subject))
            self.assertEqual(shown["personal_data"], {"MOBILE": 1})
            self.assertEqual((shown["sealed"]["user"], shown["sealed"]["request_id"]),
                             ("canary-user", "canary-request"))
            self.assertIn("canary-words", shown["sealed"]["text"])
            self.assertNotIn("13800138000", json.dumps(shown))
            audit("erase", self.log, "--subject", subject)
            audit("erase", self.log, "--subject", subject, code=2)
            lines = audit("export", self.log, "--events").splitlines()
        sealed = [json.loads(line)["sealed"] for line in lines if '"kind":"request"' in line]
        self.assertEqual([s if s == "erased" else s["user"] for s in sealed], ["erased", "other"])
        self.assertTrue(json.loads(audit("verify", self.log, "--json"))["ok"])

    def test_the_record_of_processing(self):
        statement = os.path.join(self.folder, "statement.json")
        pathlib.Path(statement).write_text(json.dumps({"controller": "Clinic"}))
        with Server("--audit-log", self.log, "--pii", "log_only") as server:
            server.chat("mail jane.doe@example.org", max_tokens=1)
        record = json.loads(audit("export", self.log, "--statement", statement))
        self.assertEqual(record["personal_data_found"], {"EMAIL": 1})
        self.assertEqual(record["stated"], {"controller": "Clinic"})
        self.assertIn("purposes", record["not_stated"])
        self.assertEqual((record["requests"], record["states"]), (1, {"complete": 1}))

    def test_a_signed_log_that_was_changed(self):
        key = os.path.join(self.folder, "audit.pem")
        public = json.loads(audit("new-key", key, "--json"))["public_key"]
        self.assertEqual(os.stat(key).st_mode & 0o077, 0)
        audit("new-key", key, code=2)
        with Server("--audit-log", self.log, "--audit-key", key) as server:
            server.chat(max_tokens=1)
        told = json.loads(audit("verify", self.log, "--public-key", public, "--json"))
        self.assertEqual((told["ok"], told["signed_events"], told["first_bad"]), (True, 2, None))
        known = told["head"]
        audit("verify", self.log, "--known", known)
        audit("verify", self.log, "--public-key", "0" * 64, code=1)
        lines = pathlib.Path(self.log).read_bytes().splitlines(keepends=True)
        pathlib.Path(self.log).write_bytes(b"".join(lines[:-1]))
        audit("verify", self.log)
        audit("verify", self.log, "--known", known, code=1)
        changed = lines[1].replace(b'"complete"', b'"cancelled"')
        pathlib.Path(self.log).write_bytes(lines[0] + changed + lines[2])
        told = json.loads(audit("verify", self.log, "--json", code=1))
        self.assertEqual((told["ok"], told["first_bad"]["seq"], told["first_bad"]["line"]),
                         (False, 1, 2))

    def test_a_full_disk(self):
        with Server("--audit-log", self.log, "--audit-required") as server:
            self.assertEqual(server.chat(max_tokens=1)[0], 200)
            limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
            size = os.path.getsize(self.log)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 10, limits[1]))
            # The one that finds out has no answer, and neither has any after it.
            for _ in range(3):
                status, headers, reply = server.chat(max_tokens=1)
                self.assertEqual((status, reply["error"]["code"]), (503, "audit_unavailable"))
                self.assertIn("Retry-After", headers)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
            server.chat(max_tokens=1)  # its refusal is written: the log is back
            self.assertEqual(server.chat(max_tokens=1)[0], 200)
        gaps = [e["lost"] for e in events(self.log) if e["kind"] == "gap"]
        self.assertEqual(gaps, [3])

    def test_kill_9_loses_no_answer(self):
        kills = int(os.environ.get("AUDIT_KILLS", "3"))
        answered = []
        for run in range(kills):
            server = Server("--audit-log", self.log, "--audit-fsync", "second")
            def ask(worker: int):
                for number in range(10**6):
                    name = f"r-{run}-{worker}-{number}"
                    body = {"messages": [{"role": "user", "content": "1+2=?"}], "max_tokens": 1,
                            "stream": worker % 2 == 0}
                    try:
                        reply = server.ask("POST", "/v1/chat/completions", body,
                                           **{"X-Request-Id": name})
                    except (OSError, http.client.HTTPException, ValueError):
                        return
                    if reply[0] == 200 and (worker % 2 or "[DONE]" in reply[2]):
                        answered.append(name)
            threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.1, 0.6))
            server.process.kill()
            server.process.wait()
            for thread in threads:
                thread.join()
            server.process.stdout.close()
            server.log.close()
        self.assertTrue(json.loads(audit("verify", self.log, "--json"))["ok"])
        lines = audit("export", self.log, "--events").splitlines()
        logged = {json.loads(line)["sealed"]["request_id"] for line in lines
                  if '"kind":"request"' in line}
        self.assertGreater(len(answered), 0)
        self.assertEqual([name for name in answered if name not in logged], [])

    def test_wrong_flags_and_files(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        for args in (["--audit-key", "/nowhere"], ["--audit-log", self.log, "--audit-key", "/nowhere"],
                     ["--audit-log", "/nowhere/audit.log"], ["--audit-log", fifo]):
            told = hearth("serve", "--port", "0", *args, code=2).stderr
            self.assertEqual(told.count("\n"), 1, told)
        audit("verify", os.path.join(self.folder, "none"), code=2)
        audit("verify", self.log, "--known", "5:xyz", code=2)


class Labels(unittest.TestCase):
    def check(self, aigc: dict, header: str):
        self.assertEqual(list(aigc), MEMBERS)
        self.assertEqual((aigc["Label"], aigc["ContentProducer"]), ("1", "某公司"))
        self.assertEqual(json.loads(header), aigc)

    def test_a_prefix_whole_and_streamed(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            log = os.path.join(folder, "audit.log")
            server = stack.enter_context(Server("--label", "prefix", "--label-producer", "某公司",
                                                "--audit-log", log))
            status, headers, reply = server.chat(temperature=0)
            self.assertEqual(status, 200)
            self.check(reply["AIGC"], headers["X-AIGC"])
            message = reply["choices"][0]["message"]
            self.assertTrue(message["content"].startswith(PREFIX))
            self.assertNotIn("AI-generated", message["reasoning_content"])
            streamed = server.events(temperature=0)
            self.assertEqual(text_of(streamed), message["content"])
            self.assertEqual(list(streamed[0]["AIGC"]), MEMBERS)
            last = [e for e in streamed if e["choices"] and e["choices"][0]["finish_reason"]]
            self.assertEqual(last[0]["AIGC"], streamed[0]["AIGC"])
            # What comes back is shown to the model as it wrote it.
            follow = [{"role": "user", "content": "12+30=?"}, {"role": "assistant", "content": "42"},
                      {"role": "user", "content": "1+1=?"}]
            counts = []
            for content in ("42", PREFIX + "42"):
                follow[1]["content"] = content
                reply = server.ask("POST", "/v1/chat/completions",
                                   {"messages": follow, "max_tokens": 1})[2]
                counts.append(reply["usage"]["prompt_tokens"])
            self.assertEqual(counts[0], counts[1])
            # A form and a completion carry the metadata alone.
            reply = server.chat(response_format={"type": "json_object"}, max_tokens=300)[2]
            self.assertNotIn("AI-generated", reply["choices"][0]["message"]["content"])
            self.assertEqual(list(reply["AIGC"]), MEMBERS)
            reply = server.ask("POST", "/v1/completions", {"prompt": "1+1=", "max_tokens": 2})[2]
            self.assertNotIn("AI-generated", reply["choices"][0]["text"])
            self.assertEqual(list(reply["AIGC"]), MEMBERS)
            labels = [e["label"] for e in requests(log)]
            self.assertEqual(labels[1], streamed[0]["AIGC"]["ProduceID"])
            self.assertEqual(len(set(labels)), len(labels))

    def test_a_suffix_in_chinese(self):
        with Server("--label", "suffix", "--label-language", "zh") as server:
            whole = server.chat(temperature=0)[2]["choices"][0]["message"]["content"]
            self.assertTrue(whole.endswith("【本内容由人工智能（AI）生成】"))
            self.assertEqual(text_of(server.events(temperature=0)), whole)

    def test_off_says_nothing(self):
        with Server() as server:
            _, headers, reply = server.chat(max_tokens=1)
            self.assertNotIn("AIGC", reply)
            self.assertNotIn("X-AIGC", headers)


if __name__ == "__main__":
    sys.exit(run_script("audit"))
