"""A web hook on this machine that keeps what it gets."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Webhook:
    """`got` holds (method, path, JSON); answers with `status`, and with `location` if there is one."""

    def __init__(self, certificates: Path | None = None) -> None:
        """Listen on a port that the kernel chooses; by TLS with the server's certificate of this folder, if any."""
        self.got: list[tuple[str, str, Any]] = []
        self.status = 200
        self.location = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.got.append((self.command, self.path, json.loads(body) if body else None))
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = answer  # noqa: N815 - the name is the library's
            do_POST = answer  # noqa: N815 - as above

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server-key.pem")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._server.server_port}"

    def paths(self, method: str) -> list[str]:
        """The paths that were asked for by a method."""
        return [path for each, path, _ in self.got if each == method]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def running_webhook(certificates: Path | None = None) -> Iterator[Webhook]:
    """Listen for as long as the block lasts."""
    webhook = Webhook(certificates)
    try:
        yield webhook
    finally:
        webhook.close()
