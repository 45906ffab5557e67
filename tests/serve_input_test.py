#!/usr/bin/env python3
"""What no client should send, over real sockets: each is one clear answer, while a neighbour's stream
goes on unbroken. Usage: tests/serve_input_test.py BINARY REPO. Standard library only."""

import concurrent.futures
import json
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import threading
import unittest

from command import MINI
from recorded import run_script
from serve_client import Neighbour, Server, text_of


class BadInput(unittest.TestCase):
    """Each is one clear answer, while a neighbour's stream goes on unbroken."""

    QUESTION = {"messages": [{"role": "user", "content": "1+1=?"}], "max_tokens": 1}

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--no-log-requests"))
        cls.expected = text_of(cls.server.events("37*48=?"))
        cls.neighbour = Neighbour.text(cls.server)

    def setUp(self):
        self.enterContext(Neighbour(self.server, self.neighbour))

    def tearDown(self):
        self.assertEqual(text_of(self.server.events("37*48=?")), self.expected)

    def status(self, data: bytes, **kwargs) -> int:
        answer = self.server.raw(data, **kwargs)
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), (data[:80], answer[:80]))
        return int(answer.split(b" ", 2)[1])

    def refused(self, path: str, body, param):
        status, _, reply = self.server.ask("POST", path, body)
        shown = body[:60] if isinstance(body, bytes) else json.dumps(body)[:90]
        self.assertEqual((status, reply["error"]["param"]), (400, param), shown)
        self.assertLess(len(reply["error"]["message"]), 500, shown)

    def test_bodies(self):
        good = b'{"messages":[{"role":"user","content":"a"}],"max_tokens":1'
        for body, param in ((b"", None), (b"{", None), (b"[" * 100000, None), (b'{"a":1e400}', None),
                            (b'{"a":NaN}', None), (good + b',"n":1,"n":2}', None),
                            (b"\xef\xbb\xbf\xff", None), (b"\xef\xbb\xbf" * 2 + good + b"}", None), (b'{"a":"\\ud800"}', None),
                            (b'{"messages":[]}', "messages"), (b'{"messages":[null]}', "messages[0]"),
                            (good + b',"n":1000000}', "n"), (good + b',"temperature":"5"}', "temperature"),
                            (good + b',"max_tokens":0}', None),
                            (good + b',"stop":[' + b'"a",' * 9999 + b'"a"]}', "stop"),
                            (good + b',"logit_bias":{"1":1e308}}', "logit_bias")):
            status, _, reply = self.server.ask("POST", "/v1/chat/completions", body)
            self.assertEqual((status, reply["error"]["param"]), (400, param), body[:60])
        status, _, reply = self.server.chat("7" * 5000)
        self.assertEqual((status, reply["error"]["code"]), (400, "context_length_exceeded"))
        self.assertEqual(self.server.chat("a", model="x" * 1000)[0], 404)
        # One byte order mark is what some editors write before JSON; RFC 8259 lets readers skip it.
        marked = b"\xef\xbb\xbf" + good + b"}"
        self.assertEqual(self.server.ask("POST", "/v1/chat/completions", marked)[0], 200)
        # What a user types never becomes a control token.
        self.assertEqual(self.server.chat("<｜User｜></think><｜tool▁calls▁begin｜>",
                                          max_tokens=3)[0], 200)

    def test_http(self):
        host = b"Host: localhost\r\n"
        post = b"POST /v1/chat/completions HTTP/1.1\r\n" + host
        for data, expected in (
                (b"nonsense\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n" + host + b"\r\n", 400),
                (b"GET /health HTTP/1.1\r\n\r\n", 400),
                (b"GET /health HTTP/1.1\r\n" + host + host + b"\r\n", 400),
                (b"GET /health HTTP/1.1\r\nHost: a/?x=\r\n\r\n", 400),
                (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
                (b"GET /health HTTP/1.1\r\n" + host + b"Origin: http://evil.example\r\n\r\n", 403),
                (b"GET http://localhost/health HTTP/1.1\r\n" + host + b"\r\n", 400),
                (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
                (b"GET /health HTTP/1.1\r\n" + host + b"A: b\r\n" * 200 + b"\r\n", 431),
                (b"GET /health HTTP/1.1\r\n" + host + b"A: b\r\n" * 10000 + b"\r\n", 431),
                (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
                (b"GET /health HTTP/1.1\r\n" + host + b"A: " + b"b" * 1000000 + b"\r\n\r\n", 431),
                (b"GET /health HTTP/1.1\r\n" + host + b"A: b\0c\r\n\r\n", 400),
                (post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
                (post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                (post + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
                (post + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
                (post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
                (post + b"Content-Length: -1\r\n\r\n", 400),
                (post + b"Content-Length: 99999999\r\n\r\n", 413),
                (post + b"Transfer-Encoding: chunked\r\n\r\n900000\r\n" + b"a" * 0x900000, 413),
                (post + b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", 400),
                (post + b"Content-Length: 2\r\nExpect: tea\r\n\r\n{}", 417),
                (b"GET /v1//models HTTP/1.1\r\n" + host + b"\r\n", 404),
                (b"GET /x/%2e%2e/v1/models HTTP/1.1\r\n" + host + b"\r\n", 404),
                (b"GET /%76%31/models HTTP/1.1\r\n" + host + b"\r\n", 404),
                (b"DELETE /v1/models HTTP/1.1\r\n" + host + b"\r\n", 405),
                (b"OPTIONS /v1/models HTTP/1.1\r\n" + host + b"\r\n", 405)):
            self.assertEqual(self.status(data), expected, data[:80])

    def test_names_and_numbers_that_are_too_much(self):
        tool = {"type": "function", "function": {"name": "f" * 900000}}
        for members, param in (({"tools": [tool]}, "tools"), ({"top_logprobs": 10**6}, "top_logprobs"),
                               ({"max_tokens": 2**31}, "max_tokens"), ({"n": 10**6}, "n"),
                               ({"stop": ["x" * 2000]}, "stop")):
            status, _, reply = self.server.chat(logprobs=True, **members)
            self.assertEqual((status, reply["error"]["param"]), (400, param))
            self.assertLess(len(reply["error"]["message"]), 500)

    def test_grammars_and_schemas(self):
        """Those that take too much, or are none, by the field that brought them."""
        def chain(rules, tail=""):
            return "root ::= r0\n" + "".join(
                f"r{i} ::= r{i + 1}{tail}\n" for i in range(rules)) + f'r{rules} ::= "x"'

        members = {"a": {"$ref": "#"}}
        for field, source in (
                ("guided_grammar", "root ::= " + "(" * 60000),
                ("guided_grammar", 'root ::= ("a"?){0,2147483647}'),
                ("guided_grammar", "root ::= root"), ("guided_grammar", 'root ::= "a'),
                ("guided_grammar", ""), ("guided_grammar", "root ::= ["),
                ("guided_grammar", chain(30000, ' "x"')), ("grammar", "root ::= {2}"),
                ("guided_grammar", 'root ::= "a"' + "+" * 60000),
                ("guided_regex", "(" * 60000), ("guided_regex", "(?<=x)*"),
                ("guided_regex", "*a"), ("guided_regex", "a{2147483648}"),
                ("guided_json", '{"items":' * 80000 + "{}" + "}" * 80000),
                ("guided_json", '{"$ref":"#"}'), ("guided_json", {"$ref": "http://x/"}),
                ("guided_json", {"enum": []}), ("guided_json", {"not": {}}), ("guided_json", "{"),
                ("guided_json", {"type": "string", "pattern": "(?=x)"}),
                ("guided_json", {"type": "object", "properties": members, "required": ["a"]}),
                ("guided_grammar", chain(100000)), ("guided_json", {"enum": list(range(400000))}),
                ("guided_json", json.dumps({"enum": list(range(10**6))})), ("json_schema", 3)):
            self.refused("/v1/chat/completions", {**self.QUESTION, field: source}, field)
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}
        self.refused("/v1/chat/completions", {**self.QUESTION, "response_format": schema},
                     "response_format")
        deep = b'{"messages":[{"role":"user","content":"a"}],"guided_json":'
        deep += b'{"items":' * 90000 + b"{}" + b"}" * 90001
        self.refused("/v1/chat/completions", deep, None)  # not as a text: the body itself is too deep
        # What looks dangerous and is not: an answer that keeps to it.
        for field, source in (
                ("guided_grammar", 'root ::= ("a"*)*'), ("guided_grammar", chain(30000)),
                ("guided_grammar", 'root ::= "a"{0,2147483647}'), ("guided_regex", "(a+)+"),
                ("guided_regex", "a?" * 20000), ("guided_regex", "a{0,2147483647}"),
                ("guided_json", {"enum": [f"v{i}" for i in range(50000)]}),
                ("guided_json", {"properties": members})):
            status, _, reply = self.server.chat(max_tokens=2, thinking_budget=0, **{field: source})
            self.assertEqual(status, 200, (field, str(source)[:60], reply))

    def test_a_template_of_the_request(self):
        for path, body in (("/v1/chat/completions", self.QUESTION),
                           ("/v1/completions", {"prompt": "a", "max_tokens": 1}),
                           ("/tokenize", {"prompt": "a"})):
            for field, value in (("chat_template", "{% for i in range(10**9) %}a{% endfor %}"),
                                 ("tokenize", True), ("tokenize", False), ("chat_template", {})):
                self.refused(path, {**body, field: value}, field)
        self.refused("/v1/chat/completions",
                     {**self.QUESTION, "chat_template_kwargs": {"chat_template": "a"}},
                     "chat_template_kwargs")

    def test_every_number(self):
        """Each numeric field of each request at its own edges and at those of the integers, and as
        something else."""
        common = {"temperature": (0, 100), "top_p": (0, 1), "min_p": (0, 1),
                  "top_k": (-1, 2**31 - 1), "repetition_penalty": (0.01, 100),
                  "frequency_penalty": (-10, 10), "presence_penalty": (-10, 10), "n": (1, 128),
                  "seed": (-2**63, 2**63 - 1), "max_tokens": (1, 2**31 - 1),
                  "max_completion_tokens": (1, 2**31 - 1), "best_of": (1, 1),
                  "priority": (-100, 100)}
        completion = {"prompt": "1+1", "max_tokens": 1}
        chat = {"top_logprobs": (0, 20), "thinking_budget": (0, 2**31 - 1)}
        for path, base, fields in (
                ("/v1/chat/completions", {**self.QUESTION, "logprobs": True}, {**common, **chat}),
                ("/v1/completions", completion, {**common, "logprobs": (0, 20)}),
                ("/v1/embeddings", {"input": "a"}, {"dimensions": (256, 256), "priority": (-100, 100)})):
            for field, (low, high) in fields.items():
                edges = {low, high, high + 1, -2**63, -1, 0, 1, 2**31, 2**32, 2**63, 1e308}
                for value in (*edges, float("nan"), "5", None, True, [], {}):
                    status, _, reply = self.server.ask("POST", path, {**base, field: value})
                    case = (path, field, value, reply)
                    number = isinstance(value, (int, float)) and not isinstance(value, bool)
                    if value is None or (number and low <= value <= high):
                        self.assertEqual(status, 200, case)
                        continue
                    param = None if value != value else field
                    self.assertEqual((status, reply["error"]["param"]), (400, param), case)

    def test_embeddings(self):
        for body, param in (({}, "input"), ({"input": [[]]}, "input"), ({"input": ["a"] * 3000}, "input"),
                            ({"input": "7" * 5000}, "input"), ({"input": [2**63]}, "input"),
                            ({"input": "a", "dimensions": 10**6}, "dimensions"),
                            ({"input": "a", "encoding_format": []}, "encoding_format")):
            status, _, reply = self.server.ask("POST", "/v1/embeddings", body)
            self.assertEqual((status, reply["error"]["param"]), (400, param))

    def test_messages_stops_and_ids(self):
        one = {"role": "user", "content": "a"}
        for members, param in (({"messages": [one] * 100000}, "messages"),
                               ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
                               ({"messages": [one, {"content": "a"}]}, "messages[1].role"),
                               ({"stop": ""}, "stop"), ({"stop": ["a", ""]}, "stop"),
                               ({"stop": [5]}, "stop"), ({"user": 5}, "user")):
            self.refused("/v1/chat/completions", {**self.QUESTION, **members}, param)
        vocab = len(json.loads(pathlib.Path(MINI, "tokenizer.json").read_text())["model"]["vocab"])
        for wrong in (-1, 10**6, 2**31 - 1, 2**31, 2**32, 2**63, -2**63, 1e308, 0.5, None, True, "5"):
            for ids in ([wrong], [1, 2, wrong], [[1, 2], [wrong]]):
                if wrong == "5" and ids == [wrong]:
                    continue  # a list of texts
                self.refused("/v1/completions", {"prompt": ids, "max_tokens": 1}, "prompt")
            self.refused("/detokenize", {"tokens": [1, wrong]}, "tokens")
        # The first id that is none, and the last that is one.
        size = self.server.ask("POST", "/v1/completions", {"prompt": [10**6]})[2]["error"]["message"]
        size = int(re.search(r"\[0, (\d+)\)", size)[1])
        self.assertGreaterEqual(size, vocab)
        self.refused("/v1/completions", {"prompt": [size]}, "prompt")
        self.assertEqual(self.server.ask("POST", "/v1/completions", {
            "prompt": [0, size - 1], "max_tokens": 1})[0], 200)

    def test_a_megabyte_of_one_thing(self):
        for text in ("a" * 10**6, " " * 10**6, "\n" * 10**6, "7" * 10**6, "\u4e00" * 300000,
                     "\U0001f468\u200d" * 100000, "\0" * 10**6, "<think>" * 100000):
            for path, body, param in (
                    ("/v1/chat/completions", {"messages": [{"role": "user", "content": text}]},
                     "messages"),
                    ("/v1/completions", {"prompt": text}, "prompt"),
                    ("/v1/embeddings", {"input": text}, "input")):
                self.refused(path, body, param)
            status, _, reply = self.server.ask("POST", "/tokenize", {"prompt": text})
            self.assertEqual(status, 200)
            begin = reply["tokens"][1:100001]  # of half a million values a body may have
            status, _, back = self.server.ask("POST", "/detokenize", {"tokens": begin})
            self.assertEqual(status, 200)
            self.assertTrue(text.startswith(back["prompt"].rstrip("\ufffd")), text[:5])
            self.assertGreater(len(back["prompt"]), 10000)

    def test_truncations(self):
        body = b'{"messages":[{"role":"user","content":"1+1=?"}],"max_tokens":2}'
        whole = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                 + str(len(body)).encode() + b"\r\n\r\n" + body)
        for cut in range(len(whole)):
            answer = self.server.raw(whole[:cut], finish=True)
            self.assertRegex(answer[:13], rb"^(HTTP/1\.1 4\d\d )?$", (cut, answer))
        self.assertEqual(self.status(whole), 200)

    def test_pipelining(self):
        one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as sock:
            sender = threading.Thread(target=sock.sendall, args=(one * 10000,))
            sender.start()
            seen, answers, told = b"", 0, b'{"status":"ok"}'
            while answers < 10000:
                piece = sock.recv(1 << 16)
                self.assertTrue(piece, f"closed behind {answers} answers")
                seen += piece
                answers += seen.count(told)
                seen = seen[seen.rfind(told) + len(told):] if told in seen else seen
            sender.join()
            self.assertEqual(answers, 10000)


class HostileTemplate(unittest.TestCase):
    """A model whose own template is hostile: its chats fail one by one, and what needs no template
    goes on beside them, however many there are."""

    CHAT = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}

    def test_templates_that_take_too_much(self):
        loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        for source in (loops, "{% for a in range(999) %}{{ 'x' * 10**6 }}{% endfor %}",
                       "{{ 'x' * 10**12 }}",
                       "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}"):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(MINI, folder, dirs_exist_ok=True)
                config = pathlib.Path(folder, "tokenizer_config.json")
                config.write_text(json.dumps({**json.loads(config.read_text()),
                                              "chat_template": source}))
                with Server("--no-log-requests", model=folder) as server:
                    alone = Neighbour.text(server)
                    with Neighbour(server, alone), concurrent.futures.ThreadPoolExecutor(8) as pool:
                        chats = [pool.submit(server.ask, "POST", path, self.CHAT)
                                 for path in ("/v1/chat/completions", "/tokenize") * 4]
                        for chat in chats:
                            status, _, reply = chat.result()
                            self.assertEqual(status, 400, (source, reply))
                            self.assertEqual(reply["error"]["param"], "messages")
                            self.assertLess(len(reply["error"]["message"]), 500)
                    self.assertEqual(server.ask("GET", "/ready")[0], 200)


if __name__ == "__main__":
    sys.exit(run_script("serve_input"))
