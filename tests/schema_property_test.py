#!/usr/bin/env python3
"""Random JSON schemas against a validator that shares nothing with Hearth (the module jsonschema):
what random logits write under a mask is valid, and what is valid and written as docs/structured-output.md
says passes the mask. Over the bundled model's vocabulary and, where its file is there, DeepSeek-R1's.
Usage: tests/schema_property_test.py WALKS REPO [SCHEMAS]; WALKS is the program schema_walks."""

import contextlib
import datetime
import importlib.util
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from recorded import run_script

WALKS = os.path.abspath(sys.argv[1])
REPO = pathlib.Path(sys.argv[2]).resolve()
SCHEMAS = int(sys.argv[3]) if len(sys.argv) > 3 else 30
ANSWERS = 10  # drawn a schema
DOCUMENTS = 120  # sampled a schema, of which
VALID_MIN = 100  # must be valid
DEEPSEEK = REPO / "../shared/fixtures/tokenizers/deepseek_v3/deepseek_v3.tiktoken"

# What ECMA-262 means by these, in Python's words.
SPACES = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
WORDS = {r"\d": "[0-9]", r"\w": "[A-Za-z0-9_]", r"\s": f"[{SPACES}]", r"\S": f"[^{SPACES}]"}


def ecma(pattern: str) -> str:
    """A pattern of RandomSchema, which has no `\\$` and no class of words inside brackets."""
    return re.sub(r"\\[dwsS]", lambda m: WORDS[m[0]], pattern).replace("$", r"\Z")


def is_date(text: str) -> bool:
    year = text[:4] if text[:4] != "0000" else "2000"  # datetime begins with 1; both have a leap day
    with contextlib.suppress(ValueError):
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)
                    and datetime.date.fromisoformat(year + text[4:]))
    return False


def is_time(text: str) -> bool:
    parts = re.fullmatch(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?"
                         r"(?:Z|[+-]([0-9]{2}):([0-9]{2}))", text)
    bounds = (24, 60, 60, 24, 60)
    return parts is not None and all(int(p or 0) < b for p, b in zip(parts.groups(), bounds))


def is_address(kind: type, text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(kind(text))
    return False


def is_host(text: str) -> bool:
    return len(text) <= 253 and all(
        re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label)
        and not label[2:].startswith("--") for label in text.split("."))


ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
FORMATS = {
    "date": is_date,
    "time": is_time,
    "date-time": lambda text: is_date(text[:10]) and text[10:11] == "T" and is_time(text[11:]),
    "uuid": lambda text: re.fullmatch("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text),
    "ipv4": lambda text: is_address(ipaddress.IPv4Address, text),
    "ipv6": lambda text: is_address(ipaddress.IPv6Address, text),
    "email": lambda text: re.fullmatch(rf"{ATOM}(?:\.{ATOM})*", text.rpartition("@")[0])
    and is_host(text.rpartition("@")[2]),
    "hostname": is_host,
}


def validator_of(schema: dict):
    import jsonschema

    def format_(_, value, instance, __):
        if isinstance(instance, str) and not FORMATS[value](instance):
            yield jsonschema.ValidationError(f"{instance!r} is no {value}")

    def pattern(_, value, instance, __):
        if isinstance(instance, str) and not re.search(ecma(value), instance):
            yield jsonschema.ValidationError(f"{instance!r} does not match {value!r}")

    draft = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                         {"format": format_, "pattern": pattern})
    draft.check_schema(schema)
    return draft(schema)


@unittest.skipUnless(importlib.util.find_spec("jsonschema"),
                     "the module jsonschema (Debian: python3-jsonschema) is not installed")
class Property(unittest.TestCase):
    def check_answers(self, is_valid, made: dict) -> int:
        """How many were finished; none may be wrong."""
        ended = [one["end"] for one in made["answers"]]
        self.assertLessEqual(set(ended), {"finished", "bound"}, made["schema"])
        for one in made["answers"]:
            if one["end"] == "finished":
                self.assertTrue(is_valid(json.loads(one["text"])),
                                f"{json.dumps(made['schema'])} let through {one['text']}")
        return ended.count("finished")

    def check_documents(self, is_valid, made: dict):
        valid = [one for one in made["documents"] if is_valid(json.loads(one["text"]))]
        self.assertGreaterEqual(len(valid), VALID_MIN, made["schema"])
        for one in valid:
            self.assertTrue(one["taken"], f"{json.dumps(made['schema'])} refused {one['text']}")

    def run_on(self, vocabulary: str):
        seed = 1 if SCHEMAS < 1000 else 1_000_000
        command = [WALKS, vocabulary, str(SCHEMAS), str(ANSWERS), str(DOCUMENTS), str(seed)]
        schemas = drawn = finished = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as walks:
            for line in walks.stdout:
                made = json.loads(line)
                self.assertNotIn("error", made)
                is_valid = validator_of(made["schema"]).is_valid
                schemas += 1
                drawn += len(made["answers"])
                finished += self.check_answers(is_valid, made)
                self.check_documents(is_valid, made)
        self.assertEqual((walks.returncode, schemas, drawn), (0, SCHEMAS, SCHEMAS * ANSWERS))
        print(f"{vocabulary}: {schemas} schemas, {finished} of {drawn} answers finished, all valid")
        self.assertGreaterEqual(finished, 0.95 * drawn)

    def test_the_bundled_vocabulary(self):
        self.run_on("mini")

    @unittest.skipUnless(DEEPSEEK.exists(), "the vocabulary of DeepSeek-V3 is not there")
    def test_the_vocabulary_of_deepseek(self):
        self.run_on("deepseek")

    def test_the_validator_knows_wrong_from_right(self):
        is_valid = validator_of({"properties": {"a": {"type": "string", "pattern": r"^\w$"}},
                                 "required": ["a"]}).is_valid
        self.assertTrue(is_valid({"a": "x"}))
        for wrong in ({"a": "é"}, {"a": "x\n"}, {"a": ""}, {}):
            self.assertFalse(is_valid(wrong), wrong)
        wrong_forms = {"date": "2023-02-29", "time": "24:00:00Z", "date-time": "2024-01-01 00:00:00Z",
                       "uuid": "0-0", "ipv4": "1.2.3.256", "ipv6": "1::2::3", "email": "a..b@c",
                       "hostname": "a-.b"}
        self.assertEqual(wrong_forms.keys(), FORMATS.keys())
        for name, text in wrong_forms.items():
            self.assertFalse(validator_of({"format": name}).is_valid(text), text)


if __name__ == "__main__":
    sys.exit(run_script("schema_property"))
