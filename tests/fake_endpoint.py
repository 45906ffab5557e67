"""A server of chat completions whose answers a test gives."""

import http.server
import json
import threading
import time

from http_reply import reply


class Fake:
    """A server on this machine whose answers `respond(handler, body)` gives."""

    def __init__(self, respond):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.requests.append((self.path, dict(self.headers), body, time.monotonic()))
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                try:
                    respond(self, body)
                finally:
                    with outer.lock:
                        outer.now -= 1

            def give(self, status: int, body, **headers):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                reply(self, status, data, **headers)

        self.lock = threading.Lock()
        self.requests = []
        self.now = self.most = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def completion(text: str, tokens: int = 3) -> dict:
    return {"choices": [{"message": {"role": "assistant", "content": text},
                         "finish_reason": "stop"}],
            "usage": {"completion_tokens": tokens}}
