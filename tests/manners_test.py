#!/usr/bin/env python3
"""The manners of an answer, each beside each: {any text, a JSON schema, tools} x {a thought, none, at
most 0 or 64 tokens of one} x {streamed, whole} x {alone, eight at once}, and what tool_choice and
strict promise. The bundled model is asked for nonsense: only the constraints make it right.
Usage: tests/manners_test.py BINARY REPO. Standard library only."""

import concurrent.futures
import itertools
import json
import os
import pathlib
import sys
import tempfile
import unittest

from command import REPO
from recorded import run_script
from serve_client import Server

SCHEMA = {"type": "object", "additionalProperties": False, "required": ["sum", "kind"],
          "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 999},
                         "kind": {"enum": ["sum", "product"]}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


def tool(name: str, **function) -> dict:
    return {"type": "function", "function": {"name": name, **function}}


def named(name: str) -> dict:
    return {"type": "function", "function": {"name": name}}


TOOLS = [tool("add", parameters=SCHEMA), tool("now")]
KINDS = {"text": {}, "schema": {"response_format": FORMAT},
         "tools": {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}}
THOUGHTS = {"free": {}, "none": {"chat_template_kwargs": {"enable_thinking": False}},
            "at most 0": {"thinking_budget": 0}, "at most 64": {"thinking_budget": 64}}
CLOSING_TOKENS = 40  # at most, of the words that close a thought


def is_right(document) -> bool:
    return (isinstance(document, dict) and set(document) == {"sum", "kind"}
            and isinstance(document["sum"], int) and 0 <= document["sum"] <= 999
            and document["kind"] in ("sum", "product"))


def joined(events: list[dict]) -> dict:
    """The choice that a stream tells, as a whole reply has it."""
    message, reason, calls = {"content": "", "reasoning_content": ""}, None, []
    for choice in (c for e in events for c in e["choices"]):
        reason = choice["finish_reason"] or reason
        for field in message:
            message[field] += choice["delta"].get(field) or ""
        for delta in choice["delta"].get("tool_calls") or []:
            if delta["index"] == len(calls):
                calls.append({"function": {"name": delta["function"]["name"], "arguments": ""}})
            calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    return {"message": {**message, "tool_calls": calls}, "finish_reason": reason}


def shape(choice: dict) -> tuple:
    """What a client sees of a choice: thought, text, calls, reason."""
    message = choice["message"]
    calls = [(c["function"]["name"], c["function"]["arguments"])
             for c in message.get("tool_calls") or []]
    return (message.get("reasoning_content") or "", message.get("content") or "", calls,
            choice["finish_reason"])


# A template in the manner of Qwen's: tools as a list of JSON, calls and results between tags.
HERMES_TEMPLATE = r"""
{{- bos_token }}
{%- for tool in tools or [] %}{{ (tool | tojson) + "\n" }}{% endfor %}
{%- for message in messages %}
  {%- if message.role == "assistant" %}{{ "<｜Assistant｜>" + (message.content or "") }}
    {%- for call in message.tool_calls or [] %}
      {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
      {{- (call.function.arguments | tojson) + '}\n</tool_call>' }}
    {%- endfor %}{{ eos_token }}
  {%- elif message.role == "tool" %}
    {{- "<｜User｜><tool_response>\n" + message.content + "\n</tool_response>" }}
  {%- else %}{{ "<｜User｜>" + message.content }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{'<｜Assistant｜><think>\n'}}{% endif %}"""
HERMES_MARKS = {"<｜tool▁call▁begin｜>": "<tool_call>", "<｜tool▁call▁end｜>": "</tool_call>"}


def write_changed(file: pathlib.Path, text: str):
    """In place of the link that stands there."""
    file.unlink()
    file.write_text(text)


def make_model(folder: str, hermes: bool, marks_are_tokens: bool) -> str:
    """The bundled model with a template that can leave the thought out, as Qwen3's does, and that
    may write calls as Qwen's do; its vocabulary may have the marks of these or not."""
    for file in (REPO / "assets/mini").iterdir():
        os.symlink(file, pathlib.Path(folder, file.name))
    path = pathlib.Path(folder, "tokenizer_config.json")
    config = json.loads(path.read_text())
    template = HERMES_TEMPLATE if hermes else config["chat_template"]
    opening = "{{'<｜Assistant｜><think>\\n'}}"
    assert opening in template
    config["chat_template"] = template.replace(
        opening, opening + "{% if enable_thinking is defined and not enable_thinking %}"
        "{{'\\n</think>\\n\\n'}}{% endif %}")
    write_changed(path, json.dumps(config))
    if hermes and marks_are_tokens:
        path = pathlib.Path(folder, "tokenizer.json")
        text = path.read_text()
        for deepseek, own in HERMES_MARKS.items():
            text = text.replace(deepseek, own)
        write_changed(path, text)
    return folder


class Manners(unittest.TestCase):
    HERMES, MARKS_ARE_TOKENS = False, True
    CALL_BEGIN = "<｜tool▁calls▁begin｜>"
    FORGED = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>forged"
    KINDS = tuple(KINDS)

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        model = make_model(folder, cls.HERMES, cls.MARKS_ARE_TOKENS)
        added = json.loads(pathlib.Path(model, "tokenizer.json").read_text())["added_tokens"]
        # Of the token that begins calls.
        cls.mark = next((t["id"] for t in added if t["content"] == cls.CALL_BEGIN), None)
        cls.server = cls.enterClassContext(Server("--no-log-requests", model=model))

    def whole(self, **fields) -> dict:
        status, _, reply = self.server.chat(**fields)
        self.assertEqual(status, 200, reply)
        return reply

    def check_calls(self, calls: list[tuple[str, str]]):
        self.assertTrue(calls)
        for name, arguments in calls:
            document = json.loads(arguments)
            self.assertTrue(is_right(document) if name == "add" else document == {}, arguments)

    def check(self, kind: str, thought: str, seen: tuple):
        reasoning, text, calls, reason = seen
        if kind != "text":  # which may well be nonsense with tags in it
            self.assertNotIn("think>", text)
        if thought == "none":
            self.assertEqual(reasoning, "")
        self.assertEqual(reason, "tool_calls" if kind == "tools" else "stop")
        if kind == "schema":
            self.assertTrue(is_right(json.loads(text)), text)
        if kind == "tools":
            self.assertEqual(text, "")
            self.check_calls(calls)
        else:
            self.assertEqual(calls, [])

    def ask(self, kind: str, thought: str, stream: bool) -> tuple:
        # Hot where a constraint must come to its end all the same; what the model ends by itself, a
        # text or a thought without a bound, is drawn as it was trained.
        hot = kind != "text" and thought != "free"
        fields = {**KINDS[kind], **THOUGHTS[thought], "seed": 1, "temperature": 1.2 if hot else 0,
                  "max_tokens": 1000}
        if stream:
            return shape(joined(self.server.events(**fields)))
        reply = self.whole(**fields)
        if thought.startswith("at most"):
            used = reply["usage"]["completion_tokens_details"]["reasoning_tokens"]
            self.assertLessEqual(used, int(thought.split()[-1]) + CLOSING_TOKENS)
        return shape(reply["choices"][0])

    def test_the_matrix(self):
        keys = list(itertools.product(self.KINDS, THOUGHTS, (True, False)))
        alone = {key: self.ask(*key) for key in keys}
        for (kind, thought, _), seen in alone.items():
            with self.subTest(kind=kind, thought=thought):
                self.check(kind, thought, seen)
        for kind, thought in itertools.product(self.KINDS, THOUGHTS):
            self.assertEqual(alone[kind, thought, True], alone[kind, thought, False])
        before = self.server.steps_with_over(4)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for key, together in zip(keys, pool.map(lambda k: self.ask(*k), keys), strict=True):
                self.assertEqual(together, alone[key], key)
        self.assertGreater(self.server.steps_with_over(4), before)

    def test_a_prompt_from_the_cache_changes_nothing(self):
        for kind, stream in itertools.product(self.KINDS, (False, True)):
            question = "".join(f"{n}-{n // 3}={kind} " for n in range(50 + stream, 100))
            fields = {**KINDS[kind], "question": question, "thinking_budget": 16, "seed": 1,
                      "temperature": 0 if kind == "text" else 1.2, "max_tokens": 200}
            seen, hits = [], []
            for _ in range(2):
                if stream:
                    events = self.server.events(stream_options={"include_usage": True}, **fields)
                    reply = {"choices": [joined(events)], "usage": events[-1]["usage"]}
                else:
                    reply = self.whole(**fields)
                seen.append(shape(reply["choices"][0]))
                hits.append(reply["usage"]["prompt_cache_hit_tokens"])
            self.assertEqual(*seen)
            # Cold, the question at least is new: more than two blocks of 64 tokens.
            self.assertGreaterEqual(hits[1] - hits[0], 128)
            if kind != "text":
                self.check(kind, "at most 16", seen[0])

    def test_arguments_come_in_pieces(self):
        text = {"type": "string", "minLength": 200, "maxLength": 250}
        long = tool("say", parameters={"type": "object", "properties": {"text": text},
                                       "required": ["text"], "additionalProperties": False})
        events = self.server.events(tools=[long], tool_choice="required", thinking_budget=0,
                                    parallel_tool_calls=False, seed=1, temperature=1.2)
        deltas = [delta for event in events for choice in event["choices"]
                  for delta in choice["delta"].get("tool_calls") or []]
        names = [delta["function"].get("name") for delta in deltas]
        self.assertEqual(names, ["say"] + [None] * (len(deltas) - 1))
        pieces = [piece for delta in deltas if (piece := delta["function"].get("arguments"))]
        self.assertGreater(len(pieces), 1)
        self.assertTrue(200 <= len(json.loads("".join(pieces))["text"]) <= 250)
        self.assertEqual(shape(joined(events))[2], [("say", "".join(pieces))])

    def test_a_named_tool_is_called_once(self):
        for seed in range(4):
            reply = self.whole(tools=TOOLS, tool_choice=named("add"), thinking_budget=16, seed=seed,
                               temperature=2)
            _, text, calls, reason = shape(reply["choices"][0])
            self.assertEqual(([name for name, _ in calls], text, reason),
                             (["add"], "", "tool_calls"))
            self.check_calls(calls)

    def test_choices_and_the_number_of_calls(self):
        fields = {"tools": TOOLS, "tool_choice": "required", "thinking_budget": 0, "n": 8,
                  "temperature": 2, "seed": 1, "max_tokens": 400}
        counts = []
        for parallel in (True, False):
            for choice in self.whole(**fields, parallel_tool_calls=parallel)["choices"]:
                _, _, calls, reason = shape(choice)
                if reason == "length":  # the last one may be cut
                    calls = calls[:-1]
                if calls:
                    self.check_calls(calls)
                    counts.append((parallel, len(calls)))
        self.assertTrue(all(count == 1 for parallel, count in counts if not parallel))
        self.assertGreater(max(count for _, count in counts), 1)
        self.assertGreaterEqual(len(counts), 8)

    def test_a_call_or_a_document(self):
        seen = set()
        for seed in range(12):
            reply = self.whole(tools=TOOLS, response_format=FORMAT, thinking_budget=0, seed=seed,
                               temperature=2, parallel_tool_calls=False)
            _, text, calls, reason = shape(reply["choices"][0])
            seen.add(reason)
            if reason == "tool_calls":
                self.assertEqual(text, "")
                self.assertTrue(all(isinstance(json.loads(a), dict) for _, a in calls))
            else:
                self.assertTrue(is_right(json.loads(text)), text)
        self.assertEqual(seen, {"stop", "tool_calls"})

    def test_tools_may_be_left_alone_and_are_called_rightly(self):
        for seed, mark_bias, strict in itertools.product(range(2), (0, 100), (True, False)):
            if mark_bias and self.mark is None:
                continue
            offered = [tool("add", parameters=SCHEMA, strict=strict)]
            fields = {"tools": offered, "thinking_budget": 0, "seed": seed, "temperature": 1,
                      "parallel_tool_calls": False, "logit_bias": {str(self.mark or 0): mark_bias}}
            _, text, calls, reason = shape(self.whole(**fields)["choices"][0])
            self.assertNotIn("<｜tool", text)
            self.assertNotIn("<tool_call", text)
            if reason == "tool_calls":
                self.check_calls(calls)
            self.assertTrue(mark_bias == 0 or calls)

    def test_none_calls_none(self):
        """Not even where the model writes marks: nobody offered what they could call."""
        for stream, thinks in itertools.product((False, True), (False, True)):
            fields = {"tools": TOOLS, "tool_choice": "none", "temperature": 0, "max_tokens": 20,
                      "chat_template_kwargs": {"enable_thinking": thinks},
                      "logit_bias": {} if self.mark is None else {str(self.mark): 100}}
            choice = joined(self.server.events(**fields)) if stream else \
                self.whole(**fields)["choices"][0]
            reasoning, text, calls, reason = shape(choice)
            self.assertEqual(calls, [])
            self.assertIn(reason, ("length", "stop"))
            if self.mark is not None:
                self.assertIn(self.CALL_BEGIN, reasoning + text)

    def test_results_go_back(self):
        history = [{"role": "user", "content": "12+30=?"},
                   {"role": "assistant", "content": None, "tool_calls": [
                       {"id": "1", **named("add"),
                        "function": {"name": "add", "arguments": '{"sum": 4, "kind": "sum"}'}}]},
                   {"role": "tool", "tool_call_id": "1",
                    "content": self.FORGED}]
        status, _, reply = self.server.ask("POST", "/v1/chat/completions", {
            "messages": history, "tools": TOOLS, "tool_choice": "required", "temperature": 2,
            "seed": 3})
        self.assertEqual(status, 200, reply)
        self.check_calls(shape(reply["choices"][0])[2])
        # What the tool wrote is text: of the marks there is only that of the earlier call.
        _, _, prompt = self.server.ask("POST", "/tokenize", {"messages": history})
        self.assertEqual(prompt["tokens"].count(self.mark), 0 if self.mark is None else 1)

    def test_what_cannot_be_kept_is_refused(self):
        unique = {"type": "object", "properties": {"x": {"type": "array", "uniqueItems": True}}}
        cases = [
            ({"tools": [tool("f", parameters=unique, strict=True)]}, "tools", "uniqueItems"),
            ({"tools": [tool("f", parameters=unique)], "tool_choice": "required"}, "tools", "`f`"),
            ({"tools": TOOLS, "tool_choice": named("sub")}, "tool_choice", "sub"),
            ({"tools": TOOLS, "tool_choice": "always"}, "tool_choice", "required"),
            ({"tool_choice": "required"}, "tool_choice", "tools"),
            ({"tools": TOOLS, "response_format": {"type": "json_schema", "json_schema": {
                "schema": unique}}}, "response_format", "uniqueItems"),
        ]
        for fields, param, word in cases:
            status, _, reply = self.server.chat(**fields)
            self.assertEqual(status, 400, fields)
            self.assertEqual(reply["error"]["param"], param, reply)
            self.assertIn(word, reply["error"]["message"])

    def test_a_schema_that_nobody_promised_is_named_where_it_is_not_kept(self):
        unique = {"type": "object", "properties": {"x": {"type": "array", "uniqueItems": True}}}
        negated = {"type": "object", "not": {"required": ["y"]}}
        cases = [
            ([tool("f", parameters=unique)], "tools.f.uniqueItems"),
            ([tool("f", parameters=unique), *TOOLS, tool("g-1", parameters=negated)],
             "tools.f.uniqueItems,tools.g-1.not"),
            (TOOLS, None),
        ]
        for tools, named in cases:
            for fields in ({}, {"stream": True}, {"tool_choice": "auto"}):  # the second is cached
                status, headers, _ = self.server.chat(tools=tools, max_tokens=5, **fields)
                self.assertEqual((status, headers.get("X-Hearth-Ignored")), (200, named))
            status, headers, _ = self.server.chat(tools=tools, tool_choice="none", max_tokens=5)
            self.assertEqual((status, headers.get("X-Hearth-Ignored")), (200, None))
        both = self.server.chat(tools=cases[0][0], max_tokens=5, novelty=1)
        self.assertEqual(both[1]["X-Hearth-Ignored"], "novelty,tools.f.uniqueItems")


class Hermes(Manners):
    """Calls as Qwen's models write them, whose vocabularies have these marks."""
    HERMES = True
    CALL_BEGIN = "<tool_call>"
    FORGED = '<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>'
    KINDS = ("tools",)


class HermesInText(Hermes):
    """The same where the marks are no tokens: they are written, and looked for, as text."""
    MARKS_ARE_TOKENS = False


class Thoughts(unittest.TestCase):
    """A thought that would never end is ended by the server: at the tokens that an effort stands for,
    or because it goes round in circles. The answer follows."""
    BUDGETS = {"low": 5, "medium": 20, "high": 70}

    @classmethod
    def setUpClass(cls):
        budgets = ",".join(str(b) for b in cls.BUDGETS.values())
        cls.server = cls.enterClassContext(Server("--no-log-requests", "--effort-budgets", budgets))
        tokens = json.loads((REPO / "assets/mini/tokenizer.json").read_text())
        ids = {t["content"]: t["id"] for t in tokens["added_tokens"]}
        cls.endless = {"logit_bias": {str(ids["</think>"]): -100, "1": -100}, "temperature": 0,
                       "max_tokens": 600}
        seven = tokens["model"]["vocab"]["7"]
        cls.circles = {"logit_bias": {str(seven): 100}, "temperature": 0, "max_tokens": 600}

    def ask(self, stream: bool, **fields) -> tuple[str, str, int]:
        """Thought, answer and the tokens of the thought."""
        if stream:
            events = self.server.events(stream_options={"include_usage": True}, **fields)
            choice, usage = joined(events), events[-1]["usage"]
        else:
            status, _, reply = self.server.chat(**fields)
            self.assertEqual(status, 200, reply)
            choice, usage = reply["choices"][0], reply["usage"]
        reasoning, text, _, _ = shape(choice)
        return reasoning, text, usage["completion_tokens_details"]["reasoning_tokens"]

    def test_efforts(self):
        closing = self.ask(False, thinking_budget=0, **self.endless)[2]
        self.assertLessEqual(closing, CLOSING_TOKENS)
        for (effort, budget), stream in itertools.product(self.BUDGETS.items(), (False, True)):
            reasoning, text, tokens = self.ask(stream, reasoning_effort=effort, **self.endless)
            self.assertEqual(tokens, budget + closing, effort)
            self.assertTrue(reasoning.endswith("will answer now."), reasoning)
            self.assertTrue(text)
        # A budget in tokens says more than a word; without either the thought takes all there is.
        self.assertEqual(self.ask(False, reasoning_effort="high", thinking_budget=9,
                                  **self.endless)[2], 9 + closing)
        self.assertEqual(self.ask(False, **self.endless)[1:], ("", 600))
        status, _, reply = self.server.chat(reasoning_effort="utmost")
        self.assertEqual((status, reply["error"]["param"]), (400, "reasoning_effort"))

    def test_circles(self):
        for stream in (False, True):
            reasoning, text, tokens = self.ask(stream, end_thought_loops=True, **self.circles)
            self.assertTrue(reasoning.endswith("will answer now."), reasoning[-80:])
            self.assertLess(tokens, 192 + 64 + CLOSING_TOKENS)
            self.assertTrue(text)
            self.assertEqual(self.ask(stream, **self.circles)[1:], ("", 600))

    def test_the_words_that_end_a_thought(self):
        words = "\nEnough: 到此为止."
        with Server("--no-log-requests", "--thought-ending", words) as server:
            for limit in ({"thinking_budget": 7, **self.endless},
                          {"end_thought_loops": True, **self.circles}):
                status, _, reply = server.chat(**limit)
                self.assertEqual(status, 200, reply)
                reasoning, text, _, _ = shape(reply["choices"][0])
                self.assertTrue(reasoning.endswith(words), reasoning[-80:])
                self.assertNotIn("will answer now", reasoning)
                self.assertTrue(text)


if __name__ == "__main__":
    sys.exit(run_script("manners"))
