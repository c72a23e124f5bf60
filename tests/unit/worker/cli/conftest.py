"""An installation with a store and without workers, for commands that only look or publish."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.fakes.valkey import running_valkey
from tests.unit.worker.conftest import Installation

DATABASES = count()  # one a test; the server has sixteen


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running_valkey() as valkey:
        yield valkey.url.removesuffix("/0")


@pytest.fixture
def stored(installation: Installation, server: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A good configuration with an empty store, found by every command."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", str(installation.path))
    installation.replace("[service]", f'[service]\nredis_url = "{server}/{next(DATABASES)}"')
    return installation
