"""How the servers that tests play answer. Standard library only."""


def reply(handler, status: int, data: bytes, **headers: str):
    """A whole answer of http.server's `handler`; `Retry_After=...` is the header Retry-After."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
