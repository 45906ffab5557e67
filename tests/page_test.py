#!/usr/bin/env python3
"""The chat page as people meet it: `hearth serve` on a free port, and a real Chromium before it.
Usage: tests/page_test.py BINARY REPO. Standard library only; the machine needs chromium and
chromedriver (tools/apt-packages-page.txt), and the tests are skipped where it has none."""

import contextlib
import json
import pathlib
import signal
import sys
import tempfile
import time
import unittest

import page_payloads
from browser import Browser, missing
from page_person import ENDLESS, Person
from recorded import run_script
from serve_client import Server, write_adapter


@unittest.skipIf(missing(), missing())
class Page(unittest.TestCase):
    """With a server that stays up."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        write_adapter(f"{folder}/one", 0.5)
        cls.server = cls.enterClassContext(
            Server("--no-log-requests", "--adapter-dir", folder, "--served-name", "mini"))
        cls.browser = cls.enterClassContext(Browser())
        cls.person = Person(cls.browser, cls.server)

    def setUp(self):
        self.person.come()
        self.browser.requested()

    def tearDown(self):
        self.assertEqual(self.browser.violations(), [])
        foreign = [url for url in self.browser.requested()
                   if not url.startswith((self.person.url, "about:", "blob:"))]
        self.assertEqual(foreign, [])

    def test_an_answer_comes_and_its_thought_is_folded(self):
        self.assertTrue(self.browser.is_shown("#welcome"))
        self.assertEqual(self.person.ask("37*48=?"), "37*48=1776")
        self.assertFalse(self.browser.is_shown("#welcome"))
        self.assertFalse(self.browser.is_shown(".thought .prose"))
        self.assertRegex(self.browser.text(".thought summary"), r"^Thought for [\d.]+ s · 1\d\d tokens$")
        self.person.unfold()
        self.browser.wait("document.querySelector('.thought .prose').innerText.includes('037*048')")
        self.assertRegex(self.browser.text(".figures"),
                         r"^\d+ tokens · [\d.,]+ tokens/s · first after [\d.]+ s · mini$")
        self.assertEqual(self.browser.text("#title"), "37*48=?")
        self.assertIn("37*48=1776", self.browser.text("#status"))

    def test_the_detector_asks_the_server(self):
        self.browser.click("[popovertarget=files]")
        self.browser.click("#open-detector")
        self.browser.type("#detector-text", "Some words of somebody.")
        self.browser.click("#detector-ask")
        self.browser.wait("document.querySelector('#detector-verdict').textContent.length > 1")
        self.assertIn("--watermark-key-file", self.browser.text("#detector-verdict"))
        self.browser.click("#detector .icon-button")
        self.assertFalse(self.browser.is_shown("#detector"))

    def test_it_streams_and_stops(self):
        self.browser.run(ENDLESS)
        with self.server.slowed():
            self.person.send("12+30=?")
            self.browser.wait("document.querySelector('.thought')?.checkVisibility()")
            self.person.unfold()
            lengths = set()
            end = time.monotonic() + 30
            while len(lengths) < 5 and time.monotonic() < end:
                lengths.add(len(self.browser.text(".thought .prose") + self.browser.text(".answer > .prose")))
            self.assertGreaterEqual(len(lengths), 5)
            self.assertFalse(self.browser.is_shown("#send"))
            self.browser.click("#stop")
        self.person.wait_for_end()
        self.assertIn("stopped", self.browser.text(".figures"))
        self.assertEqual(self.browser.text("#status"), "Stopped.")
        self.assertTrue(self.browser.is_shown("#send"))
        self.server.wait_for_metric("num_requests_running", 0)
        self.person.send("1+1=?")
        self.browser.wait("document.querySelector('.writing')")
        self.browser.press("Escape")
        self.person.wait_for_end()

    def test_regenerate_edit_and_branch(self):
        self.person.ask("12+30=?")
        self.browser.click(".answer [data-action=regenerate]")
        self.browser.wait("document.querySelector('.answer .branch span')?.textContent === '2 of 2'")
        self.person.wait_for_end()
        self.browser.click(".answer [data-action=earlier]")
        self.assertEqual(self.browser.text(".answer .branch span"), "1 of 2")
        self.browser.click(".question [data-action=edit]")
        self.browser.run("document.querySelector('.editor textarea').value = ''")
        self.browser.type(".editor textarea", "20+3=?")
        self.browser.click(".editor [type=submit]")
        self.browser.wait("document.querySelector('.question .branch span')?.textContent === '2 of 2'")
        self.person.wait_for_end()
        self.assertIn("20+3=23", self.browser.text(".answer > .prose"))
        self.browser.click(".question [data-action=earlier]")
        self.assertEqual(self.browser.text(".question .text"), "12+30=?")
        self.assertEqual(self.browser.text(".answer .branch span"), "1 of 2")
        self.person.reload()  # the branch that was chosen is kept, too
        self.assertEqual(self.browser.text(".question .text"), "12+30=?")
        self.assertEqual(self.browser.count(".message"), 2)

    def test_copy_buttons_fill_the_clipboard(self):
        origin = self.person.url.rstrip("/")
        self.browser.cdp("Browser.grantPermissions", origin=origin,
                         permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        code = 'int main() {\n  return "<b>" != 0;\n}\n'
        texts = {".question": "12+30=? *as it is*", ".answer": f"So:\n\n```c\n{code}```\n\n**done**"}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.json")
            path.write_text(self.browser.run_async("""
                const { addMessage, newAnswer, newConversation } = await import("/page/conversation.js");
                const { toJson } = await import("/page/transfer.js");
                const made = newConversation("t");
                const question = addMessage(made, "", { role: "user", text: given[0] });
                addMessage(made, question.id,
                           { ...newAnswer("m"), role: "assistant", thought: "no", text: given[1] });
                return toJson([made]);""", texts[".question"], texts[".answer"]))
            self.person.give_file(path)
            self.browser.wait("document.querySelector('.answer .copy-code')")

        def copied(button: str) -> str:
            self.browser.run_async("await navigator.clipboard.writeText('before')")
            self.browser.run("document.querySelector('#status').textContent = ''")
            self.browser.click(button)
            self.browser.wait("document.querySelector('#status').textContent")
            self.assertEqual(self.browser.text("#status"), "Copied")
            return self.browser.run_async("return await navigator.clipboard.readText()")

        def check():
            self.assertEqual(copied(".copy-code").rstrip("\n"), code.rstrip("\n"))
            for message, text in texts.items():
                self.assertEqual(copied(f"{message} [data-action=copy]"), text)

        check()
        # As on a page that came over plain HTTP, where that way is closed.
        self.browser.run("window.write = navigator.clipboard.writeText.bind(navigator.clipboard);"
                         "navigator.clipboard.writeText = (text) => text === 'before' ? window.write(text) :"
                         "  Promise.reject(new Error('closed'))")
        check()

    def test_an_adapter_is_chosen(self):
        plain = self.person.ask("12+30=?")
        status, _, reply = self.server.ask("POST", "/v1/adapters", {"name": "one", "path": "one"})
        self.assertEqual(status, 200, reply)
        try:
            self.person.reload()
            self.assertEqual(self.browser.run("return [...document.querySelector('#model').options]"
                                              ".map((option) => option.value)"), ["mini", "mini:one"])
            self.browser.run("const f = fetch; window.fetch = (url, options) => {"
                             "  window.asked = options?.body ?? window.asked; return f(url, options); }")
            self.browser.click("#new-chat")
            self.browser.type("#model", "mini:one")
            self.assertNotEqual(self.person.ask("12+30=?"), plain)
            asked = json.loads(self.browser.run("return window.asked"))
            self.assertEqual(asked["model"], "mini:one")
            self.assertRegex(self.browser.text(".figures"), "· mini:one$")
            self.person.reload()  # the choice is kept
            self.assertEqual(self.browser.run("return document.querySelector('#model').value"), "mini:one")
        finally:
            self.assertEqual(self.server.ask("DELETE", "/v1/adapters/one")[0], 200)
        self.person.reload()  # and given up where it is no more
        self.assertEqual(self.browser.run("return document.querySelector('#model').value"), "mini")
        self.browser.click("#new-chat")
        self.assertEqual(self.person.ask("12+30=?"), plain)

    def test_a_reload_keeps_the_conversation(self):
        self.person.ask("12+30=?")
        self.person.ask("20+3=?")
        before = self.browser.run("return document.querySelector('#thread').innerText")
        self.person.reload()
        self.assertEqual(self.browser.run("return document.querySelector('#thread').innerText"), before)
        self.browser.click("#new-chat")
        self.assertTrue(self.browser.is_shown("#welcome"))
        self.person.reload()
        self.assertTrue(self.browser.is_shown("#welcome"))
        self.browser.click("#list .entry")
        self.assertEqual(self.browser.run("return document.querySelector('#thread').innerText"), before)

    def test_a_reload_amid_an_answer_keeps_what_was_written(self):
        self.browser.run(ENDLESS)
        with self.server.slowed():
            self.person.send("12+30=?")
            self.browser.wait("document.querySelector('.thought')?.checkVisibility()")
            self.person.unfold()
            self.browser.wait("document.querySelector('.thought .prose').textContent.length > 20")
        # It is saved each second, whether or not more comes.
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        with self.server.slowed():
            self.person.reload()
        self.person.unfold()
        self.browser.wait("document.querySelector('.thought .prose').textContent.length > 10")
        self.assertIn("stopped", self.browser.text(".figures"))
        self.server.wait_for_metric("num_requests_running", 0)

    def test_search_rename_delete_undo(self):
        for question in ("12+30=?", "20+3=?"):
            self.browser.click("#new-chat")
            self.person.ask(question)
        self.assertEqual(self.person.titles(), ["20+3=?", "12+30=?"])
        self.browser.type("#search", "=42")  # stands in an answer
        self.assertEqual(self.person.titles(), ["12+30=?"])
        self.browser.type("#search", "nowhere")
        self.assertEqual(self.browser.text("#list-empty"), "Nothing found.")
        self.browser.run("const s = document.querySelector('#search'); s.value = '';"
                         "s.dispatchEvent(new Event('input'))")
        self.browser.click("#list li:first-child .entry")
        self.browser.click("#list li:first-child [data-tool=rename]")
        self.browser.press("Control", "a")
        self.browser.type("#list input", "A sum")
        self.browser.press("Enter")
        self.assertEqual(self.person.titles(), ["A sum", "12+30=?"])
        self.assertEqual(self.browser.text("#title"), "A sum")
        self.browser.click("#list li:first-child [data-tool=remove]")
        self.browser.wait("document.querySelectorAll('#list li').length === 1")
        self.person.reload()
        self.assertEqual(self.person.titles(), ["12+30=?"])
        self.browser.click("#list li:first-child .entry")
        self.browser.click("#list li:first-child [data-tool=remove]")
        self.browser.wait("document.querySelector('#notice .plain')")
        self.browser.click("#notice .plain")
        self.browser.wait("document.querySelectorAll('#list li').length === 1")
        self.person.reload()
        self.assertEqual(self.person.titles(), ["12+30=?"])

    def test_export_and_import(self):
        self.person.ask("12+30=?")
        self.browser.click(".answer [data-action=regenerate]")
        self.person.wait_for_end()
        whole = self.person.export("#export-json")
        shown = self.person.export("#export-markdown")
        self.assertEqual(json.loads(whole)["format"], "hearth-conversations")
        self.assertIn("<!-- hearth: user -->\n\n12+30=?", shown)
        before = self.browser.run("return document.querySelector('.answer > .prose').innerText")
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("a.json", whole), ("b.md", shown)):
                path = pathlib.Path(folder, name)
                path.write_text(text)
                self.person.come()
                self.person.give_file(path)
                self.browser.wait("document.querySelector('.answer > .prose')")
                self.assertEqual(self.person.titles(), ["12+30=?"])
                self.assertEqual(
                    self.browser.run("return document.querySelector('.answer > .prose').innerText"), before)
                self.assertEqual(self.browser.count(".answer .branch"), int(name == "a.json"))
                self.person.unfold()
                self.browser.wait("document.querySelector('.thought .prose').innerText.includes('+')")
        # Once more out, and nothing is lost.
        self.assertEqual(self.person.export("#export-markdown"), shown)

    def test_markdown_files_hold_any_text(self):
        texts = ["<!-- hearth: user -->\n\n<!-- hearth: assistant -->\nx", "<!--- hearth: thought -->", "# t"]
        back = self.browser.run_async("""
            const { addMessage, newAnswer, newConversation, path } =
              await import("/page/conversation.js");
            const { fromText, toMarkdown } = await import("/page/transfer.js");
            return given[0].map((text) => {
              const made = newConversation("t");
              const question = addMessage(made, "", { role: "user", text });
              addMessage(made, question.id, { ...newAnswer("m"), role: "assistant", thought: text, text });
              return path(fromText(toMarkdown(made))[0]).map((m) => [m.role, m.thought ?? "", m.text]);
            });
        """, texts)
        self.assertEqual(back, [[["user", "", t], ["assistant", t, t]] for t in texts])

    def test_a_label_stays_with_its_answer(self):
        label = {"Label": "1", "ContentProducer": "a --> b", "ProduceID": "5c", "extra": "x"}
        json_file, markdown = self.browser.run_async("""
            const { addMessage, newAnswer, newConversation, path } =
              await import("/page/conversation.js");
            const { checkedLabel } = await import("/page/label.js");
            const { fromText, toJson, toMarkdown } = await import("/page/transfer.js");
            const made = newConversation("t");
            const question = addMessage(made, "", { role: "user", text: "q" });
            addMessage(made, question.id, { ...newAnswer("m"), role: "assistant", text: "a",
              AIGC: checkedLabel(given[0]) });
            return [toJson([made]), toMarkdown(made)]
              .map((file) => path(fromText(file)[0]).map((m) => [m.text, m.AIGC ?? null]));
        """, label)
        kept = {"Label": "1", "ContentProducer": "a --> b", "ProduceID": "5c", "ReservedCode1": "",
                "ContentPropagator": "", "PropagateID": "", "ReservedCode2": ""}
        self.assertEqual(json_file, [["q", None], ["a", kept]])
        self.assertEqual(markdown, json_file)

    def test_hostile_files_are_refused_or_harmless(self):
        bad = ["{", "{}", '{"format":"hearth-conversations"}', "[]", "no marks", "",
               '{"format":"hearth-conversations","version":1,"conversations":[]}']
        refused = self.browser.run_async("""
            const { fromText } = await import("/page/transfer.js");
            return given[0].map((text) => {
              try { fromText(text); return "taken"; } catch (error) { return error.message; }
            });
        """, bad)
        self.assertEqual(refused, ["notOurs"] * len(bad))
        payloads = page_payloads.MARKDOWN
        messages = {"__proto__": {"role": "user", "text": "x", "id": "__proto__", "parent": ""}}
        for i, text in enumerate(payloads):
            role = "assistant" if i % 2 else "user"
            messages[str(i)] = {"id": str(i), "parent": str(i - 1) if i else "", "role": role,
                                "text": text, "thought": text, "model": text, "end": text,
                                "tokens": text, "thoughtMs": -1, "created": i}
        messages["cycle"] = {"id": "cycle", "parent": "cycle", "role": "user", "text": "round"}
        chosen = {"": "0", **{str(i): str(i + 1) for i in range(len(payloads) - 1)}, "x": "cycle"}
        data = {"format": "hearth-conversations", "version": 1, "conversations": [
            None, 7, {"title": page_payloads.MARKDOWN[2], "messages": messages, "chosen": chosen}]}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "<img src=x onerror=pwned=1>.json")
            path.write_text(json.dumps(data))
            self.person.give_file(path)
            self.browser.wait("document.querySelectorAll('#list li').length === 3")
            self.browser.run("[...document.querySelectorAll('#list .entry')].find((entry) => "
                             "entry.textContent.startsWith('<img')).click()")
            self.browser.wait("document.querySelectorAll('.message').length > 50")
            self.assertEqual(self.browser.count("#thread script, #thread img, #thread iframe"), 0)
            path.write_text("{")
            self.person.give_file(path)
            self.browser.wait("document.querySelector('#notice').textContent.includes('<img')")
        self.assertIsNone(self.browser.run("return window.pwned ?? null"))

    def test_hostile_questions_stay_text(self):
        for question in ("<img src=x onerror=window.pwned=1>", "<script>window.pwned=1</script>"):
            self.browser.click("#new-chat")
            self.person.ask(question)
            self.assertEqual(self.browser.text(".question .text"), question)
            self.assertEqual(self.browser.text("#title"), question)
        self.assertEqual(self.browser.count("main img, #thread script"), 0)
        self.assertIsNone(self.browser.run("return window.pwned ?? null"))

    def test_settings_reach_the_server(self):
        self.browser.click("#open-settings")
        self.browser.type("[name=max_tokens]", "7")
        self.browser.type("[name=temperature]", "0")
        self.browser.type("[name=seed]", "3")
        self.browser.press("Escape")
        self.person.ask("12+30=?")
        self.assertRegex(self.browser.text(".figures"), "^7 tokens .* cut at the length limit")
        self.browser.click("#open-settings")
        self.browser.type("[name=temperature]", "-5")
        self.browser.press("Tab")
        self.assertTrue(self.browser.run("return document.querySelector('[name=temperature]:invalid') !== null"))

    def test_a_bound_of_the_thought(self):
        self.browser.click("#open-settings")
        self.browser.type("[name=thinking_budget]", "5")
        self.browser.press("Escape")
        self.browser.run("const f = fetch; window.fetch = (url, options) => {"
                         "  window.asked = options?.body ?? window.asked; return f(url, options); }")
        self.person.ask("12+30=?")
        self.assertEqual(json.loads(self.browser.run("return window.asked"))["thinking_budget"], 5)
        self.person.unfold()
        self.browser.wait("document.querySelector('.thought .prose').innerText"
                          ".includes('I have thought long enough')")

    def test_chinese_and_dark_by_choice(self):
        ground = "return getComputedStyle(document.body).backgroundColor"
        light = self.browser.run(ground)
        self.browser.click("#open-settings")
        for name, value in (("language", "zh"), ("theme", "dark")):
            self.browser.run("const s = document.querySelector(`[name=${arguments[0]}]`);"
                             "s.value = arguments[1];"
                             "s.dispatchEvent(new Event('change', {bubbles: true}))", name, value)
        self.browser.press("Escape")
        self.assertEqual(self.browser.run("return document.documentElement.lang"), "zh-CN")
        self.assertEqual(self.browser.text("#new-chat"), "新对话")
        self.assertNotEqual(self.browser.run(ground), light)
        self.person.reload()
        self.assertEqual(self.browser.text("#new-chat"), "新对话")
        self.assertNotEqual(self.browser.run(ground), light)

    def test_it_fits_a_phone(self):
        with contextlib.ExitStack() as stack:
            self.browser.resize(360, 740)
            stack.callback(self.browser.cdp, "Emulation.clearDeviceMetricsOverride")
            self.person.come()
            self.person.ask("37*48=?")
            self.browser.run_async("""
                const { renderMarkdown } = await import("/page/markdown/render.js");
                document.querySelector(".answer > .prose").append(renderMarkdown(given[0]));
            """, "|" + "wide cell|" * 12 + "\n|" + "-|" * 12 + "\n\n$$" + "x+" * 80 + "y$$\n\n```\n" +
                "long " * 60 + "\n```\n" + "W" * 300 + " `" + "c" * 200 + "`")
            width = "return [document.documentElement, document.querySelector('#scroller')].map(" \
                    "(node) => node.scrollWidth)"
            self.assertEqual(self.browser.run(width), [360, 360])
            self.assertFalse(self.browser.is_shown("#sidebar"))
            self.browser.click("#open-sidebar")
            self.browser.wait("document.querySelector('#sidebar').getBoundingClientRect().left === 0")
            self.assertEqual(self.browser.run("return document.activeElement.id"), "close-sidebar")
            self.assertEqual(self.browser.run(width)[0], 360)
            self.browser.press("Escape")
            self.browser.wait("!document.querySelector('#sidebar').checkVisibility("
                              "{visibilityProperty: true})")
            self.assertEqual(self.browser.run("return document.activeElement.id"), "open-sidebar")
            self.browser.click("#open-settings")
            self.assertEqual(self.browser.run("return document.querySelector('dialog').scrollWidth <= 360"), True)

    def test_keys_and_names_for_those_who_listen(self):
        self.person.ask("12+30=?")
        nameless = self.browser.run("""
            return [...document.querySelectorAll("button, input, select, textarea")].filter((node) =>
              !node.hidden && !(node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length))
              .map((node) => node.outerHTML);""")
        self.assertEqual(nameless, [])
        doubled = self.browser.run("""
            const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
            return ids.filter((id, i) => ids.indexOf(id) !== i);""")
        self.assertEqual(doubled, [])
        self.assertEqual(self.browser.run("return document.activeElement.id"), "message")
        order = []
        self.browser.run("document.querySelector('.skip').focus()")
        while "send" not in order and len(order) < 40:
            order.append(self.browser.run("const a = document.activeElement;"
                                          "return a.id || a.dataset.action || a.className || a.localName"))
            self.browser.press("Tab")
        self.assertEqual(order, ["skip", "new-chat", "search", "entry", "quiet", "quiet", "model",
                                 "icon-button", "open-settings", "copy", "edit", "summary", "copy",
                                 "regenerate", "message", "send"])

    def test_colours_can_be_told_apart(self):
        self.person.ask("12+30=?")
        for theme in ("light", "dark"):
            self.browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
            low = self.browser.run("""
                const channel = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
                const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(channel);
                  return .2126 * r + .7152 * g + .0722 * b; };
                const ground = (node) => { for (; node; node = node.parentElement) {
                  const color = getComputedStyle(node).backgroundColor;
                  if (!/, 0\\)$/.test(color)) return color; } };
                const own = (node) => [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
                return [...document.body.querySelectorAll("*")].filter((n) => own(n) && n.checkVisibility())
                  .map((n) => { const a = light(getComputedStyle(n).color), b = light(ground(n));
                    return [n.className || n.localName, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; })
                  .filter(([, contrast]) => contrast < 4.5);""")
            self.assertEqual(low, [], theme)

    def test_two_tabs_agree(self):
        self.person.ask("12+30=?")
        first = self.browser.call("GET", "window")
        made = self.browser.call("POST", "window/new", {"type": "tab"})
        self.browser.call("POST", "window", {"handle": made["handle"]})
        try:
            self.browser.open(self.person.url)
            self.person.is_ready()
            self.browser.click("#list .entry")
            self.person.ask("20+3=?")
        finally:
            self.browser.call("DELETE", "window")
            self.browser.call("POST", "window", {"handle": first})
        self.browser.wait("document.querySelectorAll('.question').length === 2")

    def test_files_come_as_they_should(self):
        status, headers, text = self.server.ask("GET", "/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        policy = headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
                     "require-trusted-types-for 'script'"):
            self.assertIn(part, policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("style=", text)
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(self.server.ask("GET", "/", **{"If-None-Match": headers["ETag"]})[0], 304)
        self.assertEqual(self.server.ask("GET", "/", **{"If-None-Match": '"other"'})[0], 200)
        for path, kind in (("app.js", "text/javascript; charset=utf-8"), ("icon.svg", "image/svg+xml"),
                           ("katex/katex.min.css", "text/css; charset=utf-8")):
            status, headers, _ = self.server.ask("GET", f"/page/{path}")
            self.assertEqual((status, headers["Content-Type"]), (200, kind), path)
        self.assertEqual(self.server.ask("GET", "/page/../page/app.js")[0], 404)
        self.assertEqual(self.server.ask("GET", "/page/")[0], 404)
        self.assertEqual(self.server.ask("POST", "/", {})[0], 405)
        self.assertEqual(self.server.ask("GET", "/", Host="evil.example")[0], 403)
        # Two answers on one connection: a 304 has no body that the next would be read from.
        with contextlib.closing(self.server.connect()) as connection:
            for _ in range(2):
                connection.request("GET", "/", headers={"If-None-Match": self.server.ask("GET", "/")[1]["ETag"]})
                reply = connection.getresponse()
                self.assertEqual((reply.status, reply.read()), (304, b""))


if __name__ == "__main__":
    sys.exit(run_script("page"))
