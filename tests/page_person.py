"""Somebody in front of the chat page: what they do waits until it has happened."""

import pathlib
import time

from browser import Browser
from serve_client import Server

# Makes the page's requests ask for an answer that goes on: its end is never drawn.
ENDLESS = """
    const real = window.fetch;
    window.fetch = (url, options) => !options?.body ? real(url, options) : real(url, { ...options,
      body: JSON.stringify({ ...JSON.parse(options.body), temperature: 1, logit_bias: {"1": -100} }) });
"""


class Person:
    def __init__(self, browser: Browser, server: Server):
        self.browser = browser
        self.url = f"http://127.0.0.1:{server.port}/"
        browser.watch_policy()
        self.come()

    def come(self):
        """Opens the page anew, with nothing kept from before."""
        self.browser.open(f"{self.url}health")  # of the same origin, and holds nothing open
        self.browser.run_async("""
            localStorage.clear();
            sessionStorage.clear();
            await new Promise((done) => { indexedDB.deleteDatabase("hearth").onsuccess = done; });""")
        self.browser.open(self.url)
        self.is_ready()

    def is_ready(self):
        self.browser.wait("document.querySelector('#list-empty')?.textContent || "
                          "document.querySelector('#list li')")
        self.browser.wait("document.querySelector('#model').options.length > 0 || "
                          "document.querySelector('#notice').textContent")

    def reload(self):
        self.browser.reload()
        self.is_ready()

    def send(self, text: str):
        self.browser.type("#message", text)
        self.browser.press("Enter")

    def ask(self, text: str) -> str:
        """The answer, when it is there."""
        self.send(text)
        self.wait_for_end()
        return self.browser.run("return [...document.querySelectorAll('.answer > .prose')].at(-1).innerText")

    def wait_for_end(self):
        self.browser.wait("document.querySelector('.answer') && !document.querySelector('.writing')")

    def unfold(self):
        """Opens the thought; again where a growing answer scrolled it from under the pointer."""
        end = time.monotonic() + 20
        while not self.browser.run("return document.querySelector('.thought').open"):
            if time.monotonic() > end:
                raise AssertionError("the thought does not open")
            self.browser.click(".thought summary")

    def give_file(self, path: pathlib.Path):
        self.browser.call("POST", f"element/{self.browser.find('#import-files')}/value",
                          {"text": str(path)})

    def export(self, button: str) -> str:
        """The text of the file that the button makes."""
        for old in self.browser.downloads.iterdir():
            old.unlink()
        self.browser.click("[popovertarget=files]")
        self.browser.click(button)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = [f for f in self.browser.downloads.iterdir() if f.suffix in (".json", ".md")]
            if found:
                return found[0].read_text()
            time.sleep(0.05)
        raise AssertionError("no file came")

    def titles(self) -> list[str]:
        return self.browser.run("return [...document.querySelectorAll('#list .entry')].map("
                                "(entry) => entry.textContent)")
