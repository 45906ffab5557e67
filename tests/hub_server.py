"""A hub of models on this machine, in the layout of Hugging Face and of ModelScope, that can be told
to misbehave. Standard library only."""

import hashlib
import http.server
import json
import urllib.parse

from http_reply import reply
from local_server import LocalServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repo:
    """Files by path. `said` overrides what the listing says of one."""

    def __init__(self, files: dict[str, bytes], commit: str = COMMIT, licence: str = "mit"):
        self.files = dict(files)
        self.commit = commit
        self.licence = licence
        self.said: dict[str, bytes] = {}  # the content that the listing speaks of
        self.extra: list[dict] = []  # further entries of the listing

    def listing(self) -> dict:
        siblings = []
        for path, data in self.files.items():
            data = self.said.get(path, data)
            entry = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
            if path.endswith((".safetensors", ".gguf", ".bin")):
                entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        return {"sha": self.commit, "siblings": siblings + self.extra,
                "cardData": {"license": self.licence}}

    def modelscope_listing(self) -> dict:
        return {"Code": 200, "Data": {"Files": [
            {"Path": path, "Name": path, "Type": "blob", "Size": len(data), "Sha256": sha256(data)}
            for path, data in self.files.items()]}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        hub = self.server.owner
        hub.requests.append((self.path, dict(self.headers)))
        try:
            if hub.fault is None or not hub.fault(self):
                self.answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self):
        hub = self.server.owner
        url = urllib.parse.urlsplit(self.path)
        parts = urllib.parse.unquote(url.path).strip("/").split("/")
        query = urllib.parse.parse_qs(url.query)
        if parts[:3] == ["api", "v1", "models"] and len(parts) >= 5:
            self.answer_modelscope("/".join(parts[3:5]), parts[5:], query)
        elif parts[:2] == ["api", "models"] and len(parts) >= 4 and "/".join(parts[2:4]) in hub.repos:
            self.send_json(hub.repos["/".join(parts[2:4])].listing())
        elif "/".join(parts[:2]) in hub.repos and parts[2:3] == ["resolve"]:
            self.send_file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self.send_text(404, "no such thing")

    def answer_modelscope(self, name: str, rest: list[str], query: dict):
        repo = self.server.owner.repos.get(name)
        if repo is None:
            self.send_text(404, "no such thing")
        elif rest == ["repo", "files"]:
            self.send_json(repo.modelscope_listing())
        elif rest == ["repo"]:
            self.send_bytes(repo.files[query["FilePath"][0]])
        else:
            self.send_json({"Code": 200, "Data": {"License": repo.licence}})

    def send_json(self, value):
        self.send_text(200, json.dumps(value))

    def send_text(self, status: int, text: str, **headers: str):
        reply(self, status, text.encode(), **headers)

    def send_file(self, name: str, commit: str, path: str):
        repo = self.server.owner.repos[name]
        if path not in repo.files or commit != repo.commit:
            self.send_text(404, "no such file")
        else:
            self.send_bytes(repo.files[path])

    def send_bytes(self, data: bytes, cut: int | None = None, ranges: bool = True, pause=None):
        """A body with its ETag, from the offset that is asked for. `cut`: the connection breaks after
        so many bytes of it. `pause` is called after each 64 KiB."""
        etag = f'"{sha256(data)[:20]}"'
        begin, end = 0, len(data)
        asked = self.headers.get("Range")
        if ranges and asked and self.headers.get("If-Range", etag) == etag:
            first, last = asked.removeprefix("bytes=").split("-")
            begin, end = int(first), int(last) + 1 if last else end
        if begin >= len(data) and begin > 0:
            self.send_text(416, "", Content_Range=f"bytes */{len(data)}")
            return
        part = (begin, end) != (0, len(data))
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        rest = data[begin:end]
        for at in range(0, len(rest), 65536):
            if cut is not None and at >= cut:
                self.close_connection = True
                self.wfile.flush()
                self.connection.shutdown(2)
                return
            self.wfile.write(rest[at : at + 65536])
            if pause is not None:
                pause(at)


class Hub(LocalServer):
    """The server: `repos` by name, the `requests` that came, a `fault` that may answer instead."""

    def __init__(self, tls=None):
        self.repos: dict[str, Repo] = {}
        super().__init__(Handler, tls)

    def fetched(self) -> list[str]:
        """The files that were asked for, by path."""
        return [urllib.parse.unquote(path.split("/resolve/")[1].split("/", 1)[1])
                for path, _ in self.requests if "/resolve/" in path]
