"""An installation with a store and without workers, for commands that only look or publish."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from tests.fakes.valkey import running_valkey
from tests.unit.worker.conftest import Installation


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
