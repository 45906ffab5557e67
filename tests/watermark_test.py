#!/usr/bin/env python3
"""The watermark as users meet it: a key is made, answers of the command and of the server are found
by it in their text alone, and what can't be marked is refused where marks are required.
Usage: tests/watermark_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import stat
import sys
import tempfile
import unittest

from command import as_json, hearth
from recorded import run_script
from serve_client import Server

# Words without end: the model, which does sums, has little to say.
WORDS = "[a-z ]{900}"
HOT = ("--temperature", "1.5", "--max-tokens", "900", "--regex", WORDS)


class Watermark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.made = os.path.join(cls.folder, "made.key")
        hearth("watermark", "key", cls.made, "--source", "clinic/mini", "--json")
        # One secret for all runs: what is found and what isn't is a matter of chance, once.
        cls.key = os.path.join(cls.folder, "mark.key")
        pathlib.Path(cls.key).write_text(json.dumps(
            {"format": "hearth-watermark-1", "secret": "5a" * 32, "window": 4,
             "sources": ["clinic/mini", "clinic/other"]}))
        os.chmod(cls.key, 0o600)

    def detect(self, text: str, key: str = "") -> dict:
        found = as_json("detect", "--key-file", key or self.key, text=text)
        self.assertEqual(list(found), ["watermarked", "p_value", "tokens_scored", "source_id"])
        return found

    def generate(self, *flags: str, code: int = 0) -> str:
        out = hearth("generate", "--model", "mini", "--raw", "--prompt", "12+30=", "--seed", "7",
                     "--json", *flags, code=code)
        return json.loads(out.stdout)["text"] if code == 0 else out.stderr

    def test_a_key_is_its_owners_and_never_written_over(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.made).st_mode), 0o600)
        before = pathlib.Path(self.made).read_bytes()
        self.assertIn("expected no such file",
                      hearth("watermark", "key", self.made, "--source", "a/b", code=2).stderr)
        self.assertEqual(pathlib.Path(self.made).read_bytes(), before)
        path = os.path.join(self.folder, "none.key")
        self.assertIn("ORGANISATION/MODEL",
                      hearth("watermark", "key", path, "--source", "a", code=2).stderr)
        self.assertFalse(os.path.exists(path))

    def test_the_commands_answer_is_found(self):
        marked = self.generate("--watermark", "require", "--watermark-key-file", self.key,
                               "--watermark-source", "clinic/other", *HOT)
        found = self.detect(marked)
        self.assertTrue(found["watermarked"], found)
        self.assertEqual(found["source_id"], "clinic/other")
        self.assertLess(found["p_value"], 1e-6)
        plain = self.detect(self.generate(*HOT))
        self.assertFalse(plain["watermarked"], plain)
        self.assertIsNone(plain["source_id"])

    def test_what_is_too_short_for_a_mark_is_withheld(self):
        marks = ("--watermark-key-file", self.key, "--temperature", "1", "--regex", "[a-z]{2}")
        self.assertEqual(len(self.generate("--watermark", "on", *marks)), 2)
        said = self.generate("--watermark", "require", *marks, code=2)
        self.assertIn("withheld", said)
        self.assertEqual(said.count("\n"), 1, said)
        thought = hearth("generate", "--model", "mini", "--prompt", "3+4=?", "--seed", "7", *marks,
                         "--watermark", "require", code=2).stdout
        self.assertTrue(thought.endswith("\n") and len(thought) > 20, thought)
        # In a chat the thought is ended, too, and the error stands on a line of its own.
        chat = hearth("run", "mini", "3+4=?", "--seed", "7", "--watermark", "require", *marks[:4],
                      "--thinking-budget", "8", "--max-tokens", "50", code=2)
        self.assertTrue(chat.stdout.endswith("</think>\n"), chat.stdout)
        self.assertIn("withheld", chat.stderr)

    def test_guesses_may_have_a_key(self):
        path = os.path.join(self.folder, "dual.key")
        hearth("watermark", "key", path, "--source", "clinic/mini", "--dual-key")
        made = json.loads(pathlib.Path(path).read_text())
        self.assertIs(made["dual_key"], True)
        self.assertNotIn("dual_key", json.loads(pathlib.Path(self.made).read_text()))
        made["secret"] = "5a" * 32
        pathlib.Path(path).write_text(json.dumps(made))
        # Answers depend on the number of guesses, their marks don't.
        marked = self.generate("--watermark", "require", "--watermark-key-file", path,
                               "--draft-model", "mini", *HOT)
        found = self.detect(marked, path)
        self.assertTrue(found["watermarked"], found)
        self.assertEqual(found["source_id"], "clinic/mini")
        self.assertFalse(self.detect(self.generate(*HOT), path)["watermarked"])

    def test_what_cannot_be_marked_is_refused(self):
        require = ("--watermark", "require")
        self.assertIn("--watermark-key-file", self.generate(*require, code=2))
        with_key = (*require, "--watermark-key-file", self.key)
        self.assertIn("temperature 0", self.generate(*with_key, "--watermark-greedy", "refuse",
                                                     "--temperature", "0", code=2))
        self.assertIn("leave", self.generate(*with_key, "--watermark-greedy", "leave", code=2))
        self.assertIn("clinic/x", self.generate(*with_key, "--watermark-source", "clinic/x", code=2))

    def test_the_servers_answers_are_found_by_both_detectors(self):
        flags = ("--watermark", "require", "--watermark-key-file", self.key)
        with Server("--no-log-requests", *flags) as server:
            for temperature in (1.5, 0):
                # Penalised, or it says the same again and again.
                body = {"prompt": "12+30=", "max_tokens": 900, "temperature": temperature,
                        "seed": 3, "frequency_penalty": 1, "guided_regex": WORDS}
                status, headers, reply = server.ask("POST", "/v1/completions", body)
                self.assertEqual(status, 200, reply)
                self.assertRegex(headers["X-Hearth-Watermark"], "^[0-9a-f]{16}$")
                text = reply["choices"][0]["text"]
                self.assertTrue(self.detect(text)["watermarked"])
                _, _, found = server.ask("POST", "/v1/watermark/detect", {"text": text})
                self.assertTrue(found["watermarked"], found)
                self.assertEqual(found["source_id"], "clinic/mini")


if __name__ == "__main__":
    sys.exit(run_script("watermark"))
