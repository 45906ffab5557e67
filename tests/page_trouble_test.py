#!/usr/bin/env python3
"""The chat page where something is wrong: keys, limits, a lost server, a hostile one; and in Chinese.
Usage: tests/page_trouble_test.py BINARY REPO. Standard library only; the machine needs chromium and
chromedriver (tools/apt-packages-page.txt), and the tests are skipped where it has none."""

import json
import sys
import tempfile
import unittest

import page_payloads
from browser import Browser, missing
from command import hearth
from page_person import ENDLESS, Person
from recorded import run_script
from serve_client import Server


@unittest.skipIf(missing(), missing())
class Trouble(unittest.TestCase):
    """What goes wrong is said in words, with a way on."""

    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def problem(self) -> str:
        self.browser.wait("document.querySelector('.problem')?.checkVisibility()")
        return self.browser.text(".problem p")

    def new_key(self, name: str) -> tuple[str, str]:
        """A key, and its line of the server's file."""
        made = hearth("serve", "--new-api-key", name)
        return made.stderr.strip().rsplit(" ", 1)[1], made.stdout

    def test_keys_and_rates(self):
        keys, lines = zip(*(self.new_key(name) for name in ("ann", "bob")))
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(lines[0] + lines[1].rstrip() + " rpm=1\n")
            file.flush()
            with Server("--no-log-requests", "--api-keys", file.name) as server:
                person = Person(self.browser, server)
                self.assertIn("asks for an API key", self.browser.text("#notice"))
                person.send("12+30=?")
                self.assertIn("asks for an API key", self.problem())
                self.browser.click(".problem [data-action=key]")
                self.assertEqual(self.browser.run("return document.activeElement.name"), "key")
                self.browser.type("[name=key]", keys[0])
                self.browser.press("Enter")
                self.browser.wait("document.querySelector('#model').options.length === 1")
                self.browser.click(".problem [data-action=regenerate]")
                self.browser.wait("document.querySelector('.answer > .prose').textContent === '12+30=42'")
                kept = self.browser.run("return [JSON.stringify(localStorage), sessionStorage.length]")
                self.assertNotIn(keys[0], kept[0])
                self.assertEqual(kept[1], 1)
                self.browser.run("sessionStorage.setItem('hearth-key', arguments[0])", keys[1])
                person.reload()
                person.ask("1+1=?")
                self.browser.click("#new-chat")
                person.send("1+1=?")
                self.assertRegex(self.problem(), r"limit .* used up\. Try again in \d+ s\.")

    def test_a_missing_key_leaves_the_chosen_model(self):
        key, line = self.new_key("ann")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(line)
            file.flush()
            with Server("--no-log-requests", "--api-keys", file.name, "--served-name", "one",
                        "--served-name", "two") as server:
                person = Person(self.browser, server)
                self.browser.run("localStorage.setItem('hearth-settings', '{\"model\": \"two\"}')")
                person.reload()
                self.assertFalse(self.browser.is_shown("#model"))
                self.browser.click("#notice .plain")
                self.browser.type("[name=key]", key)
                self.browser.press("Enter")
                self.browser.wait("document.querySelector('#model').options.length === 2")
                self.assertEqual(self.browser.run("return document.querySelector('#model').value"), "two")
                person.ask("12+30=?")
                self.assertTrue(self.browser.text(".figures").endswith("two"))

    def test_a_full_server(self):
        with Server("--no-log-requests", "--max-sequences", "1", "--max-queue", "0") as server:
            person = Person(self.browser, server)
            with server.start_stream(temperature=1, logit_bias={"1": -100}, max_tokens=1900) as other:
                self.assertTrue(other.recv(1))
                person.send("12+30=?")
                self.assertRegex(self.problem(), r"busy or shutting down\. Try again in \d+ s\.")
            server.wait_for_metric("num_requests_running", 0)
            self.browser.click(".problem [data-action=regenerate]")
            self.browser.wait("document.querySelector('.answer > .prose').textContent === '12+30=42'")

    def test_a_server_that_goes_away(self):
        server = Server("--no-log-requests")
        self.addCleanup(server.log.close)
        self.addCleanup(server.process.stdout.close)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.kill)
        person = Person(self.browser, server)
        self.browser.run(ENDLESS)
        with server.slowed():
            person.send("12+30=?")
            self.browser.wait("document.querySelector('.thought')?.checkVisibility()")
            server.process.kill()
        self.assertIn("lost in the middle", self.problem())
        self.assertFalse(self.browser.is_shown("#stop"))
        self.browser.click("#new-chat")
        person.send("1+1=?")
        self.assertIn("can't be reached", self.problem())

    def test_a_wrong_request(self):
        with Server("--no-log-requests") as server:
            person = Person(self.browser, server)
            person.send("1+" * 3000 + "1=?")
            self.assertIn("The server answered 400", self.problem())

    def test_a_hostile_server(self):
        """Names and errors come from a real server, started with such a name."""
        name = "<img src=x onerror=window.pwned=1>"
        with Server("--no-log-requests", "--served-name", name) as server:
            person = Person(self.browser, server)
            person.ask("12+30=?")
            self.assertTrue(self.browser.text(".figures").endswith(name))
            self.assertEqual(self.browser.text("#model option"), name)
            self.assertEqual(self.browser.count("main img"), 0)
            self.assertIsNone(self.browser.run("return window.pwned ?? null"))

    def test_a_hostile_reply_stays_text(self):
        """Through the page's own stream, character by character; the bundled model can't be made to say
        this, so its reply is put in the place of the server's."""
        reply = "\n\n".join(page_payloads.MARKDOWN)
        with Server("--no-log-requests") as server:
            person = Person(self.browser, server)
            self.browser.run("""
                const [text] = arguments;
                const real = window.fetch;
                const delta = (delta) => `data: ${JSON.stringify({choices: [{delta}]})}\\n\\n`;
                window.fetch = async (url, options) => {
                  if (!String(url).includes("chat/completions")) return real(url, options);
                  const bytes = new TextEncoder().encode(
                    [...text].map((c) => delta({reasoning_content: c})).join("") +
                    [...text].map((c) => delta({content: c})).join("") + "data: [DONE]\\n\\n");
                  return new Response(new ReadableStream({ async start(to) {
                    for (let i = 0; i < bytes.length; i += 4099) {
                      to.enqueue(bytes.slice(i, i + 4099));
                      await new Promise((done) => setTimeout(done, 2));
                    }
                    to.close();
                  } }));
                };""", reply)
            self.browser.requested()
            person.ask("say it")
            person.unfold()
            self.browser.wait("document.querySelector('.thought .prose').children.length > 50")
            self.assertEqual(self.browser.count(
                "#thread script, #thread img, #thread iframe, #thread style, #thread link, #thread form, "
                "#thread object, #thread embed, #thread video, #thread base, #thread meta"), 0)
            links = self.browser.run("return [...document.querySelectorAll('#thread a')].map((a) => "
                                     "new URL(a.href).protocol)")
            self.assertGreater(len(links), 5)
            self.assertLessEqual(set(links), {"https:", "http:", "mailto:"})
            self.assertIsNone(self.browser.run("return window.pwned ?? null"))
            self.assertEqual(self.browser.violations(), [])
            self.assertEqual([u for u in self.browser.requested() if not u.startswith(person.url)], [])

    def test_a_browser_without_room(self):
        with Server("--no-log-requests") as server:
            person = Person(self.browser, server)
            self.browser.cdp("Storage.overrideQuotaForOrigin", origin=person.url.rstrip("/"), quotaSize=1)
            try:
                self.assertEqual(person.ask("12+30=?"), "12+30=42")
                self.browser.wait("document.querySelector('#notice').textContent.includes('no room')")
            finally:
                self.browser.cdp("Storage.overrideQuotaForOrigin", origin=person.url.rstrip("/"))


    def test_an_answer_says_what_it_cost(self):
        prices = {"currency": "EUR", "hardware": {
            "name": "a box", "price": 2400, "years": 4, "watts": 220, "idle_watts": 45, "electricity_per_kwh": 0.35}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(prices, file)
            file.flush()
            with Server("--no-log-requests", "--cost", file.name) as server:
                person = Person(self.browser, server)
                person.ask("37*48=?")
                self.assertRegex(self.browser.text(".figures"), r" · €0\.0+[1-9]\d?( |$)")


@unittest.skipIf(missing(), missing())
class Chinese(unittest.TestCase):
    def test_a_chinese_browser_is_met_in_chinese(self):
        with Server("--no-log-requests") as server, Browser(language="zh-CN", dark=True) as browser:
            person = Person(browser, server)
            self.assertEqual(browser.run("return document.documentElement.lang"), "zh-CN")
            self.assertIn("思考", browser.text("#welcome h2"))
            self.assertEqual(person.ask("37乘以48等于多少？"), browser.text(".answer > .prose"))
            self.assertIn("思考了", browser.text(".thought summary"))
            self.assertEqual(browser.violations(), [])

    def test_both_languages_say_everything(self):
        with Server("--no-log-requests") as server, Browser() as browser:
            Person(browser, server)
            missing_words = browser.run_async("""
                const { LANGUAGES } = await import("/page/words.js");
                const slots = (text) => (text.match(/\\{\\w+\\}/g) ?? []).sort().join();
                const { en, zh } = LANGUAGES;
                return [...new Set([...Object.keys(en), ...Object.keys(zh)])].filter((key) =>
                  !en[key] || !zh[key] || slots(en[key]) !== slots(zh[key]));""")
            self.assertEqual(missing_words, [])


if __name__ == "__main__":
    sys.exit(run_script("page_trouble"))
