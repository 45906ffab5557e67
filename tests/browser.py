"""A headless Chromium, driven through chromedriver's WebDriver protocol: JSON over HTTP. Standard
library only; `missing()` says what the machine lacks."""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's name for a reference
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Shift": "\ue008", "Control": "\ue009", "Tab": "\ue004"}


def missing() -> str:
    """Why there can be no browser here; "" where there can."""
    absent = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"no {' and no '.join(absent)} (Debian: chromium, chromium-driver)" if absent else ""


class Browser:
    """One window. `with` ends it."""

    def __init__(self, language: str = "en", width: int = 1280, height: int = 860, dark: bool = False):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.downloads = pathlib.Path(self.profile.name, "downloads")
        self.downloads.mkdir()
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
        self.port = self.read_port()
        arguments = ["--headless=new", f"--window-size={width},{height}", f"--lang={language}",
                     "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     f"--user-data-dir={self.profile.name}/profile", "--hide-scrollbars",
                     f"--accept-lang={language}"]
        if os.getuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
        if dark:
            arguments.append("--force-dark-mode")
        options = {"binary": shutil.which("chromium"), "args": arguments,
                   "prefs": {"download.default_directory": str(self.downloads),
                             "intl.accept_languages": language}}
        made = self.send("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}}}})
        self.session = f"/session/{made['sessionId']}"
        self.call("POST", "timeouts", {"script": 60_000})

    def read_port(self) -> int:
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                return int(line.strip().rstrip(".").rsplit(" ", 1)[1])
        raise AssertionError("chromedriver did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, AssertionError):
            self.send("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait(timeout=20)
        self.driver.stdout.close()
        self.profile.cleanup()

    def send(self, method: str, path: str, body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port,
                                                           timeout=90)) as connection:
            data = None if method != "POST" else json.dumps(body or {})
            connection.request(method, path, data, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{path}: {value['error']}: {value['message'][:2000]}")
        return value

    def call(self, method: str, name: str, body=None):
        return self.send(method, f"{self.session}/{name}", body)

    def cdp(self, command: str, **params):
        """A command of Chromium's own protocol."""
        return self.call("POST", "goog/cdp/execute", {"cmd": command, "params": params})

    # --- What a person does -----------------------------------------------------------------------

    def open(self, url: str):
        self.call("POST", "url", {"url": url})

    def reload(self):
        self.call("POST", "refresh")

    def find(self, css: str) -> str:
        return self.call("POST", "element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css: str):
        """Again where the page moved under the pointer: a reply that grows scrolls what is above it."""
        end = time.monotonic() + 10
        while True:
            try:
                return self.call("POST", f"element/{self.find(css)}/click")
            except AssertionError as error:
                if "click intercepted" not in str(error) or time.monotonic() > end:
                    raise

    def type(self, css: str, text: str):
        self.call("POST", f"element/{self.find(css)}/value", {"text": text})

    def press(self, *names: str):
        """Keys down in order and up again, wherever the focus is."""
        keys = [KEYS.get(name, name) for name in names]
        actions = [{"type": "keyDown", "value": key} for key in keys]
        actions += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.call("POST", "actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    # --- What is there ----------------------------------------------------------------------------

    def run(self, script: str, *args):
        return self.call("POST", "execute/sync", {"script": script, "args": list(args)})

    def run_async(self, script: str, *args):
        """`script` is the body of an async function; its value comes back."""
        body = ("const done = arguments[arguments.length - 1];"
                f"(async (...given) => {{ {script} }})(...[...arguments].slice(0, -1))"
                ".then((value) => done({value}), (error) => done({failed: String(error.stack)}));")
        answer = self.call("POST", "execute/async", {"script": body, "args": list(args)})
        if "failed" in answer:
            raise AssertionError(answer["failed"])
        return answer.get("value")

    def text(self, css: str) -> str:
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def count(self, css: str) -> int:
        return self.run("return document.querySelectorAll(arguments[0]).length", css)

    def is_shown(self, css: str) -> bool:
        return self.run("return !!document.querySelector(arguments[0])?.checkVisibility("
                        "{visibilityProperty: true})", css)

    def wait(self, script: str, *args, seconds: float = 40):
        """Until the expression is true; what it is then."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"return {script}", *args)):
            if time.monotonic() > end:
                raise AssertionError(f"never true: {script} {args}")
            time.sleep(0.05)
        return value

    def logs(self, kind: str) -> list:
        """What was logged since the last call: "browser", or "performance" (the network's events)."""
        return self.call("POST", "se/log", {"type": kind})

    def requested(self) -> list[str]:
        """The addresses of all requests since the last call."""
        events = (json.loads(entry["message"])["message"] for entry in self.logs("performance"))
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def watch_policy(self):
        """From the next page on, keeps what the page's Content-Security-Policy refused."""
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
            window.refused = [];
            addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
              window.refused.push(`${violatedDirective} ${blockedURI} ${sample}`));""")

    def violations(self) -> list[str]:
        """What was refused since the last call."""
        return self.run("return window.refused.splice(0)")

    def resize(self, width: int, height: int):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)

    def screenshot(self, path: str):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", "screenshot")))
