#!/usr/bin/env python3
"""The chat as a person sees it: `hearth run` in a pseudo-terminal.
Usage: tests/chat_test.py BINARY REPO. Standard library only."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from command import BINARY, MINI, REPO
from recorded import run_script
from serve_client import write_adapter

DIM, PLAIN = "\x1b[2m", "\x1b[0m"
SPEED = r"\d+\.\d tokens/s, \d+ \+ \d+ tokens"
PASTE = "\x1b[200~", "\x1b[201~"  # how a terminal marks what is pasted
UP = "\x1b[A"
ENDLESS = ("--temperature", "100")  # draws tokens almost evenly: an answer goes on and on


STATE = tempfile.TemporaryDirectory()  # of the chats whose history no test looks at


class Terminal:
    """A child on its own terminal; everything that it shows is kept in `shown`."""

    def __init__(self, *args: str, **variables: str):
        env = {k: v for k, v in os.environ.items()
               if k not in ("NO_COLOR", "HEARTH_LANG", "LC_MESSAGES", "LANG")}
        env.update({"LC_ALL": "C.UTF-8", "TERM": "xterm", "XDG_STATE_HOME": STATE.name}, **variables)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            model = () if "--model" in args else ("--model", MINI)
            os.execve(BINARY, ["hearth", "run", *model, *args], env)
        self.bytes = b""

    @property
    def shown(self) -> str:
        text = self.bytes.decode(errors="replace").replace("\r\n", "\n")
        return re.sub(r"\x1b\[\?2004[hl]", "", text)  # asks for the marks of pasted text

    def wait_for(self, pattern: str, since: int = 0, seconds: float = 60) -> int:
        """Reads on until the pattern shows after `since`; the place behind it."""
        end = time.monotonic() + seconds
        while not (match := re.compile(pattern, re.DOTALL).search(self.shown, since)):
            if time.monotonic() > end or not self.read():
                raise AssertionError(f"expected {pattern!r}, shown {self.shown[since:]!r}")
        return match.end()

    def read(self) -> bool:
        """One piece more; False when the child has closed its terminal."""
        if not select.select([self.fd], [], [], 1)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # Linux's end of file on a terminal
            return False
        self.bytes += piece
        return bool(piece)

    def type(self, text: str) -> int:
        """Types, and returns the place where the reaction will begin."""
        os.write(self.fd, text.encode())
        return len(self.shown)

    def leave(self) -> int:
        """Waits for the end; the exit code as a shell tells it."""
        end = time.monotonic() + 60
        while self.read():
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"expected the end, shown {self.shown[-400:]!r}")
        os.close(self.fd)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return 128 - code if code < 0 else code


class Chat(unittest.TestCase):
    def test_thought_answer_speed(self):
        chat = Terminal()
        chat.wait_for("Ctrl-D leaves.*> ")
        start = chat.type("12+30=?\n")
        end = chat.wait_for(SPEED + ".*> ", start)
        shown = chat.shown[start:end]
        thought = shown[shown.index(DIM) + len(DIM):shown.index(PLAIN)]
        answer = shown[shown.index(PLAIN):shown.rindex(DIM)]
        self.assertIn("\n", thought)
        self.assertNotIn("think>", shown)
        self.assertIn("42", answer)
        chat.type("\x04")
        self.assertEqual(chat.leave(), 0)

    def test_ctrl_d_during_an_answer(self):
        chat = Terminal()
        chat.wait_for("Ctrl-D leaves.*> ")
        start = chat.type("12+30=?\n")
        chat.wait_for(re.escape(DIM), start)
        chat.type("\x04")
        chat.wait_for(SPEED, start)
        self.assertEqual(chat.leave(), 0)

    def test_the_language_of_the_locale(self):
        """HEARTH_LANG, else LC_ALL, else LC_MESSAGES, else LANG; what is empty says nothing."""
        cases = {
            "zh": [{"LANG": "zh_CN.UTF-8"}, {"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"},
                   {"LC_ALL": "zh_CN.UTF-8", "LC_MESSAGES": "C", "LANG": "C"},
                   {"HEARTH_LANG": "zh", "LC_ALL": "C.UTF-8"}],
            "en": [{}, {"LANG": "de_DE.UTF-8"}, {"LC_MESSAGES": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"},
                   {"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"},
                   {"HEARTH_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}],
        }
        for language, shown in (("zh", "请输入问题"), ("en", "Ctrl-D leaves")):
            for variables in cases[language]:
                with self.subTest(**variables):
                    chat = Terminal(**{"LC_ALL": "", **variables})
                    chat.wait_for(shown)
                    chat.wait_for("> $")
                    chat.type("/bye\n")
                    self.assertEqual(chat.leave(), 0)

    def test_chinese(self):
        chat = Terminal(LC_ALL="", LANG="zh_CN.UTF-8")
        chat.wait_for("请输入问题.*> ")
        start = chat.type("计算 482+77\n")
        end = chat.wait_for(r"\d 词元/秒.*> ", start)
        self.assertIn("计算 482+77", chat.shown[start:end])  # libedit shows what was typed
        self.assertIn("559", chat.shown[start:end].rpartition(PLAIN + "\n")[0])
        chat.type("/bye\n")
        self.assertEqual(chat.leave(), 0)

    def test_no_color(self):
        chat = Terminal("12+30=?", NO_COLOR="1")
        self.assertEqual(chat.leave(), 0)
        self.assertNotIn("\x1b[", chat.shown)
        self.assertRegex(chat.shown, "(?s)^<think>\n.*\n</think>\n.*42.*" + SPEED)

    def interrupt(self, *args: str, question: str = "") -> Terminal:
        """A terminal where Ctrl-C met a running answer: `^C` shows before the speed."""
        for seed in range(20):
            chat = Terminal(*ENDLESS, "--seed", str(seed), *args)
            if question:
                chat.wait_for("> ")
                chat.type(question + "\n")
            chat.wait_for(re.escape(DIM))
            chat.type("\x03")
            end = chat.wait_for(SPEED)
            if "^C" in chat.shown[:end]:
                return chat
            os.kill(chat.pid, signal.SIGKILL)
            chat.leave()
        raise AssertionError("every answer ended before Ctrl-C came")

    def test_ctrl_c_stops_an_answer_not_the_chat(self):
        chat = self.interrupt(question="12+30=?")
        chat.wait_for("> $")
        start = chat.type("/new\n")
        chat.wait_for("\n> $", start)
        start = chat.type("what I")
        chat.wait_for("what I$", start)  # the line editor echoes: it reads by now
        time.sleep(0.2)
        start = chat.type("\x03")
        chat.wait_for("\n> $", start)
        start = chat.type("7+8=?\n")
        chat.wait_for(SPEED + ".*> ", start)
        chat.type("\x04")
        self.assertEqual(chat.leave(), 0)

    def test_ctrl_c_ends_a_single_answer_with_130(self):
        chat = self.interrupt("12+30=?")
        self.assertEqual(chat.leave(), 130)
        self.assertIn("interrupted", chat.shown)

    def test_commands(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder, "kept.json")
            chat = Terminal("--temperature", "100", "--max-tokens", "30", "--seed", "1")
            chat.wait_for("/help.*> ")

            def say(line: str, reaction: str) -> str:
                start = chat.type(line + "\n")
                end = chat.wait_for(reaction + r".*\n> $", start)
                return chat.shown[start:end]

            self.assertIn("/adapter", say("/help", "/bye"))
            first = say("12+30=?", SPEED)
            self.assertIn("30 tokens of 4096", first)
            self.assertNotEqual(say("/retry", SPEED).split("\n")[1:-2], first.split("\n")[1:-2])
            say("/set temperature 0", "")
            self.assertIn("expected `default` or a number from 0 to 1, found `2`",
                          say("/set top_p 2", "found"))
            self.assertRegex(say("/set", "thinking_budget"), "temperature 0\\s")
            say("/set max_tokens default", "")
            say("/clear", "")  # also /new
            self.assertIn("expected", say("/retry", "expected"))  # nothing is left to say again
            say("/system Be brief.", "")
            say("/think hide", "")
            hidden = say("12+30=?", SPEED)
            self.assertRegex(hidden, r"\[\d+ tokens of thought\]")
            self.assertIn("42", hidden[hidden.index("tokens of thought"):])
            say(f"/save {kept}", "")
            saved = json.loads(kept.read_text())["messages"]
            self.assertEqual([m["role"] for m in saved], ["system", "user", "assistant"])
            kept.write_text(json.dumps(saved[:2]))
            say(f"/load {kept}", "")
            self.assertIn("42", say("/retry", SPEED))
            self.assertIn("found `/nothing`", say("/nothing", "found"))
            self.assertIn(MINI, say("/model", "mini"))
            say(f"/model {MINI}", "")
            start = chat.type('"""12+\n')
            chat.wait_for(r"\n\. $", start)
            say('30=?"""', SPEED)
            self.assertIn("expected a file", say("/save", "expected"))
            chat.type("/bye\n")
            self.assertEqual(chat.leave(), 0)

    def test_a_paste_is_one_message(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder, "kept.json")
            chat = Terminal("--max-tokens", "8")
            chat.wait_for("/help.*> $")
            self.assertIn(b"\x1b[?2004h", chat.bytes)
            start = chat.type(PASTE[0] + "12+\r\t日=\n\x1b[31m\x07?\n\n" + PASTE[1])
            chat.wait_for("12\\+⏎.*日=⏎.*31m\\?", start)
            time.sleep(0.3)
            chat.read()
            self.assertNotIn("tokens/s", chat.shown)  # it waits for Enter
            self.assertNotIn("\x07", chat.shown[start:])
            start = chat.type("!\n")
            chat.wait_for(SPEED + ".*> $", start)
            self.assertTrue(chat.bytes.count(b"\x1b[?2004l") >= 1)
            start = chat.type(UP)
            chat.wait_for("12\\+⏎.*\\?!", start)  # and called back as one line
            time.sleep(0.2)
            chat.wait_for("\n> $", chat.type("\x03"))
            chat.wait_for("> $", chat.type(f"/save {kept}\n"))
            chat.type("/bye\n")
            self.assertEqual(chat.leave(), 0)
            first = json.loads(kept.read_text())["messages"][0]
            self.assertEqual(first, {"role": "user", "content": "12+\n\t日=\n[31m?!"})

    def test_history_over_sessions(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "state/hearth/chat_history")
            own = {"XDG_STATE_HOME": f"{folder}/state"}

            def say(*lines: str, flags=(), see: str = "") -> str:
                chat = Terminal("--max-tokens", "4", *flags, **own)
                chat.wait_for("Ctrl-D leaves.*> $")
                for line in lines:
                    start = chat.type(line)
                    chat.wait_for(see or re.escape(line), start)
                    start = chat.type("\n")
                    chat.wait_for("\n> $", start)
                chat.type("\x04")
                self.assertEqual(chat.leave(), 0)
                return chat.shown

            say("7+8=?", "/system 你好", "/system 你好")
            self.assertEqual(file.read_text(), "7+8=?\n/system 你好\n")
            self.assertEqual((file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777),
                             (0o600, 0o700))
            shown = say(UP + UP, see=re.escape("7+8=?"))  # the second line of all, in a new session
            self.assertIn("tokens/s", shown)
            before = file.read_bytes()
            say("/set top_p 0.5", flags=("--no-history",))
            self.assertEqual(file.read_bytes(), before)
            # Bounded, and what was never typed is no harm.
            file.write_bytes(b"\x00\xff\n" + b"x" * 5000 + b"\n\x1b[31m\n"
                             + b"".join(b"/set seed %d\n" % i for i in range(2500)))
            say(UP, see="seed 2499")
            lines = file.read_text().splitlines()
            self.assertEqual((len(lines), lines[-1]), (1000, "/set seed 2499"))
            file.unlink()
            file.mkdir()
            self.assertIn("history: ", say("/set top_p 0.5"))

    def test_a_long_prompt_shows_how_far_it_is(self):
        chat = Terminal("--max-tokens", "4")
        chat.wait_for("/help.*> $")
        chat.type(PASTE[0] + "12+30=? " * 200 + PASTE[1])
        start = chat.type("\n")
        chat.wait_for(r"reading \[=+ *\] \d+ / \d+", start)
        end = chat.wait_for(SPEED + r" of 4096 \(\d+ %\).*\n> $", start)
        told = [(int(a), int(b)) for a, b in
                re.findall(r"reading \[[= ]{30}\] (\d+) / (\d+)", chat.shown[start:end])]
        self.assertGreater(len(told), 1)
        self.assertEqual(told, sorted(told))
        self.assertEqual(*told[-1])
        chat.type("\x04")
        self.assertEqual(chat.leave(), 0)

    def test_an_adapter_comes_and_goes(self):
        with tempfile.TemporaryDirectory() as folder:
            write_adapter(f"{folder}/one", 0.5)
            chat = Terminal("--max-tokens", "12", "--temperature", "0")
            chat.wait_for("/help.*> $")

            def say(line: str, reaction: str = "") -> str:
                start = chat.type(line + "\n")
                end = chat.wait_for(reaction + r".*\n> $", start)
                return chat.shown[start:end]

            def answer() -> str:
                say("/new")
                return say("12+30=?", SPEED).split(DIM)[1]

            plain = answer()
            say(f"/adapter {folder}/one")
            self.assertNotEqual(answer(), plain)
            self.assertIn("nowhere", say("/adapter /nowhere", "nowhere"))
            say("/adapter")
            self.assertEqual(answer(), plain)
            chat.type("/bye\n")
            self.assertEqual(chat.leave(), 0)

    def test_a_pipe(self):
        done = subprocess.run(f"echo '12+30=?' | {BINARY} run mini", shell=True, timeout=120,
                              capture_output=True, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?s)^<think>\n.*\n</think>\n.*42")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertRegex(done.stderr, SPEED)
        empty = subprocess.run([BINARY, "run", "mini"], input="", capture_output=True, text=True)
        self.assertEqual((empty.returncode, empty.stderr.count("\n")), (2, 1))
        self.assertIn("standard input", empty.stderr)

    def test_weights_that_shrink_under_a_chat(self):
        """Embeddings stay views of the mapped file: the next question reads a page that is gone."""
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(MINI, pathlib.Path(folder) / "model")
            chat = Terminal("--model", str(copy))
            chat.wait_for("> ")
            chat.type("12+30=?\n")
            chat.wait_for(SPEED + ".*> ")
            os.truncate(copy / "model.safetensors", 4096)
            start = chat.type("12+30=?\n\x04")
            self.assertEqual(chat.leave(), 1)
            self.assertIn("hearth: a file of the model was truncated", chat.shown[start:])
            self.assertNotIn("42", chat.shown[start:].split("truncated")[1])


if __name__ == "__main__":
    sys.exit(run_script("chat"))
