"""What the tests of the store share: a hub on this machine and an empty home for each of them."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

from command import MINI, as_json, hearth
from hub_server import COMMIT, Hub, Repo

BLOCK = 16 << 20
REF = "hf://acme/mini"
PULL = ("pull", REF, "--accept-licence", "--retries", "1")


def mini_files() -> dict[str, bytes]:
    files = {p.name: p.read_bytes() for p in pathlib.Path(MINI).iterdir() if p.is_file()}
    return files | {"modeling_mini.py": b"import os", "pytorch_model.bin": b"\x80\x04.",
                    ".gitattributes": b"*", "README.md": b"---\nlicense: mit\n---\n"}


WEIGHTS = pathlib.Path(MINI, "model.safetensors").read_bytes()


class StoreTest(unittest.TestCase):
    """A hub and an empty home for each test; no setting of whoever runs it comes through."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        self.repo = self.hub.repos["acme/mini"] = Repo(mini_files())
        kept = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY") and
                not k.startswith(("HF_", "HEARTH_H", "XDG_", "OLLAMA", "LLAMA", "MODELSCOPE"))}
        env = kept | {"HOME": str(self.folder), "HEARTH_HOME": str(self.folder / "hearth"),
                      "HF_ENDPOINT": self.hub.url, "LC_ALL": "C.UTF-8"}
        self.enterContext(mock.patch.dict(os.environ, env, clear=True))

    def place(self, ref: str = REF) -> pathlib.Path:
        return self.folder / "hearth/models" / ref.replace("://", "--").replace("/", "--")

    def files(self) -> pathlib.Path:
        return self.place() / COMMIT[:12] / "mini"

    def partial(self) -> pathlib.Path:
        return self.files() / "model.safetensors.partial"

    def check_works(self):
        self.assertEqual(self.answer(REF), "=56025")

    def answer(self, model: str) -> str:
        out = as_json("run", "--model", model, "48291+7734=?", "--temperature", "0")
        return out["text"].strip()[-6:]

    def fault_on(self, path: str, action):
        """`action(handler)` instead of the file's usual answer."""
        def fault(handler) -> bool:
            if not handler.path.endswith("/" + path):
                return False
            return action(handler) is not False
        self.hub.fault = fault

    def refused(self, *words: str, args=PULL, code: int = 2) -> str:
        error = hearth(*args, code=code).stderr
        lines = [line for line in error.splitlines() if line.startswith("hearth ")]
        self.assertEqual(len(lines), 1, error)
        for word in words:
            self.assertIn(word, lines[0])
        return error
