#!/usr/bin/env python3
"""The helpers of the openai Python client for structured output and tools, unmodified, against
`hearth serve`: pydantic models parsed from answers, tools made of them, streams with their events.
Usage: tests/openai_helpers_test.py BINARY REPO. Skipped where the modules `openai` and `pydantic`
are missing."""

import importlib.util
import sys
import typing
import unittest

from recorded import run_script
from serve_client import Server

INSTALLED = all(importlib.util.find_spec(name) for name in ("openai", "pydantic"))
if INSTALLED:
    import openai
    import pydantic

    class Step(pydantic.BaseModel):
        explanation: str = pydantic.Field(max_length=12)
        factor: typing.Literal[2, 3, 5]

    class Sum(pydantic.BaseModel):
        steps: list[Step] = pydantic.Field(max_length=2)
        sum: int = pydantic.Field(ge=0, le=9999)
        unit: typing.Optional[str] = pydantic.Field(max_length=5)

    class Add(pydantic.BaseModel):
        """Adds two numbers."""
        a: int
        b: int

    class Look(pydantic.BaseModel):
        place: typing.Literal["here", "there"]


@unittest.skipUnless(INSTALLED, "the modules openai and pydantic are not installed")
class Helpers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = cls.enterClassContext(Server("--no-log-requests"))
        cls.client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none")
        # The bundled model knows neither; a short thought leaves room for the answer.
        cls.fields = {"model": "mini", "messages": [{"role": "user", "content": "12+30=?"}],
                      "temperature": 1, "max_tokens": 1500, "extra_body": {"thinking_budget": 8}}

    def parse(self, **fields):
        return self.client.chat.completions.parse(**{**self.fields, **fields})

    def test_an_answer_is_parsed(self):
        for seed in range(3):
            choice = self.parse(response_format=Sum, seed=seed).choices[0]
            self.assertEqual(choice.finish_reason, "stop")
            self.assertIsInstance(choice.message.parsed, Sum)
            self.assertIsNone(choice.message.refusal)

    def test_the_older_name_of_the_helper(self):
        completion = self.client.beta.chat.completions.parse(response_format=Sum, seed=1,
                                                             **self.fields)
        self.assertIsInstance(completion.choices[0].message.parsed, Sum)

    def test_tools_of_models(self):
        tools = [openai.pydantic_function_tool(Add), openai.pydantic_function_tool(Look)]
        for seed in range(3):
            choice = self.parse(tools=tools, tool_choice="required", seed=seed,
                                parallel_tool_calls=False).choices[0]
            self.assertEqual(choice.finish_reason, "tool_calls")
            self.assertTrue(choice.message.tool_calls)
            for call in choice.message.tool_calls:
                self.assertIsInstance(call.function.parsed_arguments, (Add, Look))
        one = self.parse(tools=tools, seed=1, tool_choice={
            "type": "function", "function": {"name": "Look"}}).choices[0].message.tool_calls
        self.assertEqual([type(call.function.parsed_arguments) for call in one], [Look])

    def test_a_format_and_tools(self):
        tools = [openai.pydantic_function_tool(Add)]
        for seed in range(3):
            message = self.parse(tools=tools, response_format=Sum, seed=seed,
                                 parallel_tool_calls=False).choices[0].message
            self.assertTrue(message.parsed is not None or message.tool_calls)

    def test_a_stream_of_an_answer(self):
        with self.client.chat.completions.stream(response_format=Sum, seed=2,
                                                 **self.fields) as stream:
            events = list(stream)
            final = stream.get_final_completion()
        kinds = {event.type for event in events}
        self.assertLessEqual({"chunk", "content.delta", "content.done"}, kinds)
        done = next(e for e in events if e.type == "content.done")
        self.assertIsInstance(done.parsed, Sum)
        self.assertEqual(final.choices[0].message.parsed, done.parsed)
        self.assertEqual(self.parse(response_format=Sum, seed=2).choices[0].message.parsed,
                         done.parsed)

    def test_a_stream_of_calls(self):
        tools = [openai.pydantic_function_tool(Add)]
        with self.client.chat.completions.stream(tools=tools, tool_choice="required", seed=2,
                                                 parallel_tool_calls=False, **self.fields) as stream:
            events = list(stream)
            final = stream.get_final_completion()
        done = [e for e in events if e.type == "tool_calls.function.arguments.done"]
        calls = final.choices[0].message.tool_calls
        self.assertEqual([e.parsed_arguments for e in done],
                         [call.function.parsed_arguments for call in calls])
        self.assertIsInstance(calls[0].function.parsed_arguments, Add)
        self.assertEqual(final.choices[0].finish_reason, "tool_calls")

    def test_a_cut_answer_says_so(self):
        with self.assertRaises(openai.LengthFinishReasonError):
            self.parse(response_format=Sum, max_tokens=4)


if __name__ == "__main__":
    sys.exit(run_script("openai_helpers"))
