#!/usr/bin/env python3
"""Structured output as clients meet it: JSON schemas, JSON mode, regexes and grammars over HTTP and
on the command line, with and without a thought, streamed and not, alone and eight at once.
Usage: tests/structured_test.py BINARY REPO. Standard library only; documents are also held against
python3-jsonschema where it is installed."""

import concurrent.futures
import importlib.util
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from command import BINARY, MINI
from recorded import run_script
from serve_client import Server

SCHEMA = {
    "type": "object",
    "properties": {
        "sum": {"type": "integer", "minimum": 0, "maximum": 99999},
        "kind": {"enum": ["sum", "product"]},
        "steps": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 2},
    },
    "required": ["sum", "kind", "steps"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
HOT = {"temperature": 2, "max_tokens": 700}


def check(test: unittest.TestCase, text: str) -> None:
    document = json.loads(text)
    test.assertEqual(list(document), ["sum", "kind", "steps"])
    test.assertTrue(0 <= document["sum"] <= 99999)
    test.assertIn(document["kind"], ["sum", "product"])
    test.assertLessEqual(len(document["steps"]), 2)
    test.assertTrue(all(len(step) <= 6 for step in document["steps"]))
    if importlib.util.find_spec("jsonschema"):
        import jsonschema
        jsonschema.validate(document, SCHEMA)


class Structured(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--no-log-requests"))

    def answer(self, thinking: bool, stream: bool, seed: int) -> tuple[str, str]:
        """The text of an answer and its finish reason. Without a thought: a completion, whose
        prompt no template opens a thought in."""
        body = {"response_format": FORMAT, "seed": seed, "stream": stream, **HOT}
        if thinking:
            body["messages"] = [{"role": "user", "content": "12+30"}]
            body["thinking_budget"] = 32  # a hot thought would run to max_tokens
            path = "/v1/chat/completions"
        else:
            body["prompt"] = "12+30="
            path = "/v1/completions"
        if not stream:
            status, _, reply = self.server.ask("POST", path, body)
            self.assertEqual(status, 200, reply)
            choice = reply["choices"][0]
            text = choice["message"]["content"] if thinking else choice["text"]
            return text, choice["finish_reason"]
        status, _, raw = self.server.ask("POST", path, body)
        self.assertEqual(status, 200)
        lines = raw if isinstance(raw, str) else raw.decode()
        events = [json.loads(line[6:]) for line in lines.splitlines()
                  if line.startswith("data: {")]
        choices = [e["choices"][0] for e in events]
        piece = (lambda c: c["delta"].get("content") or "") if thinking else (lambda c: c["text"])
        return "".join(map(piece, choices)), choices[-1]["finish_reason"]

    def test_the_matrix(self):
        alone = {}
        for thinking, stream, seed in itertools.product((True, False), (True, False), range(4)):
            text, reason = self.answer(thinking, stream, seed)
            self.assertEqual(reason, "stop")
            check(self, text)
            alone[thinking, seed, stream] = text, reason
        for thinking, seed in itertools.product((True, False), range(4)):
            self.assertEqual(alone[thinking, seed, True], alone[thinking, seed, False])
        before = self.server.steps_with_over(4)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for key, together in zip(alone, pool.map(
                    lambda k: self.answer(k[0], k[2], k[1]), alone), strict=True):
                self.assertEqual(together, alone[key])
        self.assertGreater(self.server.steps_with_over(4), before)

    def test_choices_and_json_mode(self):
        before = self.server.steps_with_over(4)
        _, _, reply = self.server.ask("POST", "/v1/completions", {
            "prompt": "1+1=", "n": 8, "response_format": {"type": "json_object"}, "seed": 3, **HOT})
        whole = [c["text"] for c in reply["choices"] if c["finish_reason"] == "stop"]
        self.assertTrue(whole)
        for text in whole:
            self.assertIsInstance(json.loads(text), dict)
        self.assertGreater(self.server.steps_with_over(4), before)  # they come into the engine together

    def test_a_stop_string_ends_a_document_early(self):
        fields = {"prompt": "1+1=", "response_format": FORMAT, "seed": 1, "n": 2, **HOT}
        whole = self.server.ask("POST", "/v1/completions", fields)[2]["choices"]
        for first, *others in (["kind"], ['"steps', "nowhere"], [":", "kind", "steps"]):
            reply = self.server.ask("POST", "/v1/completions", {**fields, "stop": [*others, first]})
            for full, cut in zip(whole, reply[2]["choices"], strict=True):
                check(self, full["text"])
                self.assertEqual(cut["text"], full["text"].partition(first)[0])
                self.assertTrue(cut["text"])
                self.assertEqual(cut["finish_reason"], "stop")

    def test_regexes_and_grammars(self):
        fields = {"guided_regex": "[a-c]{3}-[0-9]{2}", "grammar": 'root ::= [a-c]{3} "-" [0-9]{2}',
                  "guided_grammar": 'root ::= [abc] [abc] [abc] "-" n n\nn ::= [0-9]'}
        for field, source in fields.items():
            _, _, reply = self.server.ask("POST", "/v1/completions",
                                          {"prompt": "x", field: source, "seed": 1, **HOT})
            self.assertRegex(reply["choices"][0]["text"], r"\A[a-c]{3}-[0-9]{2}\Z")
            self.assertEqual(reply["choices"][0]["finish_reason"], "stop")

    def test_what_cannot_be_kept_is_refused(self):
        cases = [
            ({"response_format": {"type": "json_schema", "json_schema": {"schema": {
                "type": "array", "uniqueItems": True}}}}, "response_format", "uniqueItems"),
            ({"response_format": {"type": "yaml"}}, "response_format", "yaml"),
            ({"response_format": {"type": "json_schema"}}, "response_format", "schema"),
            ({"guided_regex": "(?=a)"}, "guided_regex", "(?="),
            ({"grammar": "root ::= " + "(" * 60_000}, "grammar", "nested"),
            ({"grammar": "x ::= y"}, "grammar", "root"),
            ({"grammar": 3}, "grammar", "string"),
            ({"grammar": "root ::= [a]", "guided_regex": "a"}, "grammar", "guided_regex"),
        ]
        for fields, param, word in cases:
            status, _, reply = self.server.ask("POST", "/v1/completions", {"prompt": "x", **fields})
            self.assertEqual(status, 400, fields)
            self.assertEqual(reply["error"]["param"], param)
            self.assertIn(word, reply["error"]["message"])


class CommandLine(unittest.TestCase):
    def run_it(self, *flags: str, seed: int = 2) -> subprocess.CompletedProcess:
        return subprocess.run(
            [BINARY, "generate", "--model", MINI, "--prompt", "12+30=", "--raw", "--seed",
             str(seed), "--temperature", "2", "--max-tokens", "500", "--json", *flags],
            capture_output=True, text=True, timeout=120)

    def test_flags(self):
        with tempfile.TemporaryDirectory() as folder:
            schema = pathlib.Path(folder, "schema.json")
            schema.write_text(json.dumps(SCHEMA))
            done = self.run_it("--json-schema", str(schema))
            self.assertEqual(done.returncode, 0, done.stderr)
            reply = json.loads(done.stdout)
            self.assertEqual(reply["finish_reason"], "stop")
            check(self, reply["text"])
            grammar = pathlib.Path(folder, "g.gbnf")
            grammar.write_text('root ::= "yes" | "no"')
            self.assertIn(json.loads(self.run_it("--grammar", str(grammar)).stdout)["text"],
                          ["yes", "no"])
            schema.write_text('{"not": {}}')
            refused = self.run_it("--json-schema", str(schema))
            self.assertEqual(refused.returncode, 2)
            self.assertIn("`not`: this keyword is not offered", refused.stderr)
        text = json.loads(self.run_it("--regex", "[0-9]{2,4}").stdout)["text"]
        self.assertTrue(re.fullmatch("[0-9]{2,4}", text))

    def test_raw_opens_no_thought(self):
        """Not even where the format would leave room for one before it."""
        with tempfile.NamedTemporaryFile("w", suffix=".gbnf") as grammar:
            grammar.write('root ::= "{" "}"')
            grammar.flush()
            for seed in range(6):
                reply = json.loads(self.run_it("--grammar", grammar.name, seed=seed).stdout)
                self.assertEqual((reply["text"], reply["reasoning"], reply["finish_reason"]),
                                 ("{}", "", "stop"), seed)


if __name__ == "__main__":
    sys.exit(run_script("structured"))
