"""An installation with a store and without workers, for commands that only look or publish."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis

from tests.fakes.valkey import running_valkey
from tests.unit.worker.conftest import Installation
from worker.cli import main

Command = Callable[..., tuple[int, str, str]]
"""Runs a command to its end; returns its exit code, and what it printed on both streams, stderr on one line."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running_valkey() as valkey:
        yield valkey.socket_url


@pytest.fixture
def stored(installation: Installation, server: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A good configuration with an empty store, found by every command."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", str(installation.path))
    with closing(redis.Redis.from_url(server)) as client:
        client.flushdb()
    installation.replace("[service]", f'[service]\nredis_url = "{server}"')
    return installation


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def done(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        shown = capsys.readouterr()
        return int(end.value.code or 0), shown.out, " ".join(shown.err.split())

    return done
