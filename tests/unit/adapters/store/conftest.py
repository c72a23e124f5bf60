"""One real Valkey for these tests; each test has a prefix, and so a store, of its own."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from adapters.store import Store, StoreTiming, open_store
from tests.fakes.valkey import RealValkey, running_valkey

PATIENT = StoreTiming(first_due_s=0.6, slack_s=0.3)
HASTY = StoreTiming(dead_s=1.6, heartbeat_s=0.1)
"""Processes that die within a test."""


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealValkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def opened(valkey: RealValkey) -> Iterator[Callable[..., Store]]:
    """Open stores on one fresh prefix, each as another process would."""
    prefix = f"t{secrets.token_hex(4)}:"
    stores: list[Store] = []

    def opened_store(timing: StoreTiming = PATIENT) -> Store:
        store = open_store(valkey.socket_url, prefix=prefix, timing=timing)
        stores.append(store)
        store.presence.beat()
        return store

    yield opened_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., Store]) -> Store:
    return opened()


@pytest.fixture
def hasty() -> StoreTiming:
    return HASTY
