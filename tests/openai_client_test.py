#!/usr/bin/env python3
"""The official `openai` client against `hearth serve`: the base URL is all that is changed.
Usage: tests/openai_client_test.py BINARY REPO. Skipped where the package is not installed;
`make client-test` brings it into a virtual environment."""

import asyncio
import importlib.util
import math
import sys
import tempfile
import unittest

from command import hearth
from recorded import run_script
from serve_client import ENDLESS, Server, write_adapter

QUESTION = [{"role": "user", "content": "37*48=?"}]
if importlib.util.find_spec("openai"):
    import openai


def make_key(name: str) -> tuple[str, str]:
    """The key and its line for --api-keys."""
    made = hearth("serve", "--new-api-key", name)
    return made.stderr.rsplit(": ", 1)[1].strip(), made.stdout


@unittest.skipUnless(importlib.util.find_spec("openai"), "the openai package is not installed")
class OfficialClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("--no-log-requests"))
        cls.url = f"http://127.0.0.1:{cls.server.port}/v1"
        cls.client = openai.OpenAI(base_url=cls.url, api_key="none", max_retries=0)
        cls.addClassCleanup(cls.client.close)

    def chat(self, **members):
        return self.client.chat.completions.create(
            **{"model": "mini", "messages": QUESTION, "temperature": 0, **members})

    def test_a_chat(self):
        reply = self.chat()
        self.assertEqual(reply.object, "chat.completion")
        self.assertIn("1776", reply.choices[0].message.content)
        self.assertTrue(reply.choices[0].message.reasoning_content)
        self.assertEqual(reply.choices[0].finish_reason, "stop")
        usage = reply.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertGreater(usage.completion_tokens_details.reasoning_tokens, 0)
        self.assertGreaterEqual(usage.prompt_tokens_details.cached_tokens, 0)

    def test_a_stream_is_the_chat(self):
        whole = self.chat()
        text, thought, usage, finish = "", "", None, None
        for chunk in self.chat(stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += getattr(choice.delta, "reasoning_content", None) or ""
                finish = choice.finish_reason or finish
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(thought, whole.choices[0].message.reasoning_content)
        self.assertEqual(usage.total_tokens, whole.usage.total_tokens)
        self.assertEqual(finish, "stop")

    def test_a_stream_that_is_left(self):
        with self.chat(stream=True, extra_body=ENDLESS) as stream:
            next(iter(stream))
        self.server.wait_for_metric("requests_cancelled_total", 1)

    def test_many_at_once(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=self.url, api_key="none") as client:
                return await asyncio.gather(*[client.chat.completions.create(
                    model="mini", messages=QUESTION, temperature=0) for _ in range(20)])
        texts = {reply.choices[0].message.content for reply in asyncio.run(ask())}
        self.assertEqual(texts, {self.chat().choices[0].message.content})

    def test_log_probabilities(self):
        reply = self.chat(logprobs=True, top_logprobs=3)
        told = reply.choices[0].logprobs.content
        text = "".join(t.token for t in told)  # the line break behind the thought included
        self.assertEqual(text.lstrip(), reply.choices[0].message.content)
        for token in told:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 3)
            self.assertEqual(bytes(token.bytes).decode(errors="replace"), token.token)

    def test_choices_seeds_and_lengths(self):
        twice = [self.chat(n=2, seed=5, temperature=2, max_completion_tokens=12) for _ in range(2)]
        for a, b in zip(twice[0].choices, twice[1].choices):
            self.assertEqual(a.message.content, b.message.content)
            self.assertEqual(a.finish_reason, "length")
        self.assertEqual(twice[0].usage.completion_tokens, 24)

    def test_completions_and_models(self):
        whole = self.client.completions.create(model="mini", prompt="12+", max_tokens=2)
        self.assertEqual(whole.usage.completion_tokens, 2)
        pieces = self.client.completions.create(model="mini", prompt="12+", max_tokens=2,
                                                temperature=0, stream=True)
        self.assertTrue("".join(c.text for p in pieces for c in p.choices))
        self.assertEqual(self.client.models.list().data[0].id, "mini")
        self.assertEqual(self.client.models.retrieve("mini").id, "mini")

    def test_a_schema(self):
        schema = {"type": "object", "properties": {"answer": {"type": "integer"}},
                  "required": ["answer"], "additionalProperties": False}
        reply = self.chat(max_tokens=400, response_format={
            "type": "json_schema", "json_schema": {"name": "sum", "schema": schema}})
        self.assertRegex(reply.choices[0].message.content, r'^\{\s*"answer"\s*:\s*-?\d+')

    def test_embeddings(self):
        texts = ["12+30=?", "7*8=?", "12+30=?"]
        packed = self.client.embeddings.create(model="mini", input=texts)  # it asks for base64
        plain = self.client.embeddings.create(model="mini", input=texts, encoding_format="float")
        self.assertEqual([d.index for d in packed.data], [0, 1, 2])
        for a, b in zip(packed.data, plain.data):
            self.assertEqual(len(a.embedding), len(b.embedding))
            for x, y in zip(a.embedding, b.embedding):
                self.assertAlmostEqual(x, y, delta=1e-7)
            self.assertAlmostEqual(math.hypot(*a.embedding), 1, delta=1e-5)
        self.assertEqual(plain.data[0].embedding, plain.data[2].embedding)
        self.assertNotEqual(plain.data[0].embedding, plain.data[1].embedding)
        self.assertGreater(packed.usage.prompt_tokens, 0)
        self.assertEqual(packed.usage.total_tokens, packed.usage.prompt_tokens)
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.client.embeddings.create(model="mini", input=texts, dimensions=3)
        self.assertEqual(wrong.exception.param, "dimensions")
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.client.embeddings.create(model="mini", input="")
        self.assertEqual(wrong.exception.param, "input")

    def test_errors(self):
        for members, kind, param in (
                ({"messages": []}, openai.BadRequestError, "messages"),
                ({"temperature": -1}, openai.BadRequestError, "temperature"),
                ({"messages": [{"role": "user", "content": "7" * 9000}]}, openai.BadRequestError,
                 "messages"),
                ({"model": "other"}, openai.NotFoundError, "model")):
            with self.assertRaises(kind) as wrong:
                self.chat(**members)
            self.assertEqual(wrong.exception.param, param)
            self.assertTrue(wrong.exception.request_id)

    def test_a_timeout(self):
        with self.assertRaises(openai.APIStatusError) as late:
            self.chat(extra_headers={"X-Request-Timeout": "0.05"}, extra_body=ENDLESS)
        self.assertEqual(late.exception.status_code, 408)
        self.assertEqual(late.exception.code, "deadline_exceeded")

    def test_adapters(self):
        with tempfile.TemporaryDirectory() as folder:
            write_adapter(f"{folder}/one", 0.5)
            with Server("--adapter", f"one={folder}/one") as server, openai.OpenAI(
                    base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none") as client:
                reply = client.chat.completions.create(model="mini:one", messages=QUESTION)
                self.assertEqual(reply.model, "mini:one")

    def test_keys(self):
        key, line = make_key("alice")
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
            file.write(line.strip() + " rpm=1\n")
            file.flush()
            with Server("--api-keys", file.name) as server:
                url = f"http://127.0.0.1:{server.port}/v1"
                with openai.OpenAI(base_url=url, api_key="wrong", max_retries=0) as stranger:
                    with self.assertRaises(openai.AuthenticationError):
                        stranger.models.list()
                with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
                    client.chat.completions.create(model="mini", messages=QUESTION, max_tokens=2)
                    with self.assertRaises(openai.RateLimitError):
                        client.chat.completions.create(model="mini", messages=QUESTION)


if __name__ == "__main__":
    sys.exit(run_script("openai_client"))
