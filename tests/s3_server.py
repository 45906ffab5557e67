"""An S3 store on this machine that checks each signature, and can be told to misbehave. Standard
library only."""

import hashlib
import hmac
import http.server
import threading
import urllib.parse
from xml.sax.saxutils import escape

from http_reply import reply
from local_server import LocalServer

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOTHING = hashlib.sha256(b"").hexdigest()


def signature(secret: str, method: str, target: str, headers, signed: list[str], scope: str) -> str:
    """AWS Signature Version 4, from its specification."""
    url = urllib.parse.urlsplit(target)
    canonical = "\n".join([method, url.path, "&".join(sorted(url.query.split("&"))),
                           *[f"{name}:{headers[name].strip()}" for name in signed], "",
                           ";".join(signed), headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        s3 = self.server.owner
        with s3.lock:
            s3.requests.append((self.path, dict(self.headers)))
            s3.running += 1
            s3.most = max(s3.most, s3.running)
        try:
            if s3.fault is None or not s3.fault(self):
                self.answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with s3.lock:
                s3.running -= 1

    def is_signed(self) -> bool:
        s3 = self.server.owner
        kind, _, rest = self.headers.get("Authorization", "").partition(" ")
        if kind != "AWS4-HMAC-SHA256":
            return s3.public and kind == ""
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, _, scope = fields["Credential"].partition("/")
        signed = fields["SignedHeaders"].split(";")
        needed = {"host", "x-amz-content-sha256", "x-amz-date"} | (
            {"x-amz-security-token"} if s3.session else set())
        if s3.session and self.headers.get("x-amz-security-token") != s3.session:
            return False
        right = signature(s3.secret, "GET", self.path, self.headers, signed, scope)
        return (key == KEY and scope.endswith(f"/{s3.region}/s3/aws4_request") and
                needed <= set(signed) and self.headers["x-amz-content-sha256"] == NOTHING and
                hmac.compare_digest(right, fields["Signature"]))

    def answer(self):
        s3 = self.server.owner
        url = urllib.parse.urlsplit(self.path)
        place = urllib.parse.unquote(url.path).lstrip("/")
        if self.headers["Host"].startswith("models.localhost"):
            place = "models/" + place
        bucket, _, key = place.partition("/")
        if not self.is_signed():
            self.send_error_xml(403, "SignatureDoesNotMatch", "<StringToSign>AWS4 told</StringToSign>")
        elif bucket != "models":
            self.send_error_xml(404, "NoSuchBucket")
        elif not key:
            query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
            self.send_list(query["prefix"][0], query.get("continuation-token", [""])[0])
        elif key not in s3.objects:
            self.send_error_xml(404, "NoSuchKey")
        else:
            self.send_object(s3.objects[key])

    def send_error_xml(self, status: int, code: str, more: str = "", **headers: str):
        text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>{more}</Error>'
        reply(self, status, text.encode(), **headers)

    def send_list(self, prefix: str, token: str):
        s3 = self.server.owner
        keys = [key for key in sorted(s3.objects) if key.startswith(prefix)]
        begin = int(token.removeprefix("page/+=&")) if token else 0
        end = begin + s3.page
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><ETag>{escape(etag(s3.objects[key]))}</ETag>"
            f"<Size>{len(s3.objects[key])}</Size></Contents>" for key in keys[begin:end])
        more = end < len(keys)
        contents += f"<NextContinuationToken>page/+=&amp;{end}</NextContinuationToken>" if more else ""
        reply(self, 200, page_of(contents, more).encode())

    def send_object(self, data: bytes, tag: str | None = None, cut: int | None = None,
                    match: bool = True):
        """A range of `data`. `tag`: another ETag. `cut`: the connection breaks after so many bytes.
        `match`: If-Match is heeded."""
        tag = etag(data) if tag is None else tag
        if match and self.headers.get("If-Match", tag) != tag:
            self.send_error_xml(412, "PreconditionFailed")
            return
        begin, end = 0, len(data)
        if "Range" in self.headers:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            begin, end = int(first), min(end, int(last) + 1)
        self.send_response(206 if "Range" in self.headers else 200)
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if cut is not None and cut < end - begin:
            self.wfile.write(data[begin : begin + cut])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.wfile.write(data[begin:end])


def page_of(contents: str, more: bool = False) -> str:
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name>'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{contents}</ListBucketResult>")


class S3Server(LocalServer):
    """`objects` by key in the bucket `models`, the `requests` that came, the `most` of them at once,
    a `fault` that may answer instead."""

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.secret, self.session, self.region, self.public = SECRET, "", "eu-test-1", False
        self.page = 1000
        self.running = self.most = 0
        self.lock = threading.Lock()
        super().__init__(Handler)

    def fetched(self) -> list[str]:
        """The objects that were asked for, by key."""
        return [urllib.parse.unquote(path.removeprefix("/models/"))
                for path, _ in self.requests if "?" not in path]
