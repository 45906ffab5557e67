#!/usr/bin/env python3
"""The chat page's detector before a server that marks its answers, in a real Chromium.
Usage: tests/page_watermark_test.py BINARY REPO. Standard library only; the machine needs chromium
and chromedriver (tools/apt-packages-page.txt), and the test is skipped where it has none."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

from browser import Browser, missing
from page_person import Person
from recorded import run_script
from serve_client import Server


@unittest.skipIf(missing(), missing())
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        key = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()), "mark.key")
        key.write_text(json.dumps({"format": "hearth-watermark-1", "secret": "5a" * 32, "window": 4,
                                   "sources": ["clinic/mini", "clinic/other"]}))
        os.chmod(key, 0o600)
        cls.server = cls.enterClassContext(
            Server("--no-log-requests", "--watermark", "on", "--watermark-key-file", str(key),
                   "--watermark-source", "clinic/other"))
        cls.browser = cls.enterClassContext(Browser())
        cls.person = Person(cls.browser, cls.server)

    def verdict(self, text: str) -> str:
        self.browser.run("document.querySelector('#detector-text').value = ''")
        self.browser.type("#detector-text", text)
        self.browser.click("#detector-ask")
        self.browser.wait("document.querySelector('#detector-verdict').textContent.length > 1")
        return self.browser.text("#detector-verdict")

    def test_a_marked_text_is_found_and_its_words_in_another_order_are_not(self):
        _, _, reply = self.server.ask("POST", "/v1/completions", {
            "prompt": "12+30=", "max_tokens": 900, "temperature": 1.5, "seed": 3,
            "frequency_penalty": 1, "guided_regex": "[a-z ]{900}"})
        marked = reply["choices"][0]["text"]
        self.browser.click("[popovertarget=files]")
        self.browser.click("#open-detector")
        self.assertRegex(self.verdict(marked),
                         r"^Watermarked by clinic/other: p ≤ 0\.00[\d.]*\d, \d+ tokens scored\.$")
        # The same letters: nothing is known by how often they stand there.
        self.assertRegex(self.verdict(marked[::-1]), r"^No watermark found: p ≤ [\d.]+, \d+ tokens")
        self.assertEqual(self.browser.violations(), [])


if __name__ == "__main__":
    sys.exit(run_script("page_watermark"))
