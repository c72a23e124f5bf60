"""One real Valkey for the API's tests; each test has a prefix, and so an installation, of its own."""

from collections.abc import Iterator

import pytest

from adapters.store import Store, open_store
from tests.fakes.valkey import RealValkey, running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealValkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def store(valkey: RealValkey, request: pytest.FixtureRequest) -> Iterator[Store]:
    opened = open_store(valkey.url, prefix=f"{request.node.name}:")
    yield opened
    opened.close()
