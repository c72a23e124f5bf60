"""The ways to a store: a socket with a password, TLS with one's own authority; everybody checks the certificate."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis

from adapters.errors import TransientError
from ops.sandbox.certificates import write_server_certificate
from tests.fakes.valkey import RealValkey
from tests.integration.exact import assert_exact
from tests.integration.processes import ROOT
from tests.integration.stack import Stack, running_stack, wait_for

PASSWORD = "not@word/of:ours"
REFUSED = "certificate verify failed"


def test_run_over_a_socket_with_a_password(tmp_path: Path) -> None:
    with running_stack(tmp_path, users=20, reached=by_socket) as stack:
        start_worker(stack)
        assert_exact(stack, stack.run(sync_mode="full"))


def test_run_over_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    with tls_door(tmp_path) as door, running_stack(tmp_path, users=20, reached=door.open) as stack:
        start_worker(stack)
        assert_exact(stack, stack.run(sync_mode="full"))


def test_certificate_of_a_stranger_is_refused_by_store_broker_and_results(tmp_path: Path) -> None:
    with tls_door(tmp_path) as door, running_stack(tmp_path, users=20, reached=door.open) as stack:
        clients = clients_of(stack)
        assert [client.ping() for client in clients] == [True] * 3
        door.show_a_strangers_certificate()
        for client in clients:
            client.connection_pool.disconnect()
            with pytest.raises((redis.ConnectionError, TransientError)) as refusal:
                client.ping()
            assert REFUSED in f"{refusal.value} {refusal.value.__cause__}"


def by_socket(valkey: RealValkey) -> str:
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("requirepass", PASSWORD)
    return f"unix://:{quote(PASSWORD, safe='')}@{urlsplit(valkey.socket_url).path}"


def start_worker(stack: Stack) -> None:
    stack.start_service_worker()
    wait_for(lambda: len(stack.store.presence.living()) == 1, timeout_s=30, what=stack.log)


def clients_of(stack: Stack) -> list[redis.Redis]:
    """Return the clients of the store, of the results and of the broker."""
    backend: Any = stack.app.backend
    channel: Any = stack.app.connection_for_write().default_channel
    return [stack.store.connection.client, backend.client, channel.client]


class Door:
    """TLS in front of a Valkey that has none, on a port that it keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = self._inner_port = 0

    def open(self, valkey: RealValkey) -> str:
        """Open the door to this server with a certificate of a new authority; return the store's address."""
        self._inner_port = urlsplit(valkey.url).port or 0
        self._port = free_port()
        ca_file = self._start("own") / "ca.pem"
        return f"rediss://localhost:{self._port}/0?ssl_ca_certs={ca_file}"

    def show_a_strangers_certificate(self) -> None:
        """Open the door anew, with a certificate of another authority for the same name."""
        self.close()
        self._start("strange")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self, authority: str) -> Path:
        certificates = self._folder / authority
        certificates.mkdir()
        write_server_certificate(certificates, ["localhost"])
        command = [sys.executable, str(ROOT / "tests" / "integration" / "tls_door.py")]
        self._process = subprocess.Popen([*command, str(self._port), str(self._inner_port), str(certificates)])
        wait_for(self._is_open, timeout_s=20, what=lambda: "the door did not open")
        return certificates

    def _is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def tls_door(folder: Path) -> Iterator[Door]:
    door = Door(folder)
    try:
        yield door
    finally:
        door.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
