"""What the pretended hubs and stores share: a server on this machine that keeps the requests that came,
and faults that may answer instead."""

import http.server
import threading
from collections.abc import Callable


class LocalServer:
    """The `requests` that came, path and headers, which the handler adds; a `fault` that may answer
    instead. The handler finds it as `self.server.owner`."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler], tls=None):
        self.requests: list[tuple[str, dict]] = []
        self.fault: Callable[[http.server.BaseHTTPRequestHandler], bool] | None = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.owner = self
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def endless(piece: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], bool]:
    """A fault that answers with the same for as long as somebody reads."""
    def fault(handler) -> bool:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while True:
            handler.wfile.write(piece)
    return fault
