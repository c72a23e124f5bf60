"""A notification address in this process: answers the handshake, keeps what is posted, and misbehaves on demand."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


class Receiver:
    """`items` are all notifications that came, in order; `handshakes` the tokens that were asked."""

    def __init__(self) -> None:
        """Behave well."""
        self.items: list[Json] = []
        self.posts: list[list[Json]] = []
        self.handshakes: list[str] = []
        self.url = ""
        self.status = 202
        self.refusals = 0
        self.delay_s = 0.0
        self.handshake_status = 200
        self.handshake_suffix = ""

    def answer(self, path: str, body: bytes) -> tuple[int, str]:
        """Answer one POST."""
        if self.delay_s:
            time.sleep(self.delay_s)
        tokens = parse_qs(urlsplit(path).query).get("validationToken")
        if tokens:
            self.handshakes.append(tokens[0])
            return self.handshake_status, tokens[0] + self.handshake_suffix
        if self.refusals:
            self.refusals -= 1
            return 503, ""
        items = json.loads(body)["value"]
        self.posts.append(items)
        self.items.extend(items)
        return self.status, ""

    def wait_for(self, number: int, *, timeout_s: float = 20.0) -> list[Json]:
        """Wait until so many items have come."""
        deadline = time.monotonic() + timeout_s
        while len(self.items) < number:
            assert time.monotonic() < deadline, f"{len(self.items)} of {number} items came"
            time.sleep(0.02)
        return self.items


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port of this machine for as long as the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, text = receiver.answer(self.path, body)
            self.send_response(status)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Let a sender go that did not wait."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/notify"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
