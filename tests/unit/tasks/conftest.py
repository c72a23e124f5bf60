"""One real Valkey for the runs; each test has a prefix, and so an installation, of its own."""

import secrets
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from adapters.store import StoreTiming
from tests.fakes.engine import Engine
from tests.fakes.mortal import MortalStore
from tests.fakes.valkey import RealValkey, running_valkey

STORE_TIMING = StoreTiming(settle_s=0.05, busy_s=0.05)


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealValkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def opened(valkey: RealValkey) -> Iterator[Callable[..., MortalStore]]:
    """Open stores, each as a process of its own would: all of one installation, or of the one that is named."""
    prefix = f"t{secrets.token_hex(4)}"
    stores: list[MortalStore] = []

    def opened_store(installation: str = "") -> MortalStore:
        stores.append(MortalStore(valkey.url, prefix=f"{prefix}{installation}:", timing=STORE_TIMING))
        return stores[-1]

    yield opened_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., MortalStore]) -> MortalStore:
    return opened()


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def engine(store: MortalStore, logs: list[MutableMapping[str, Any]]) -> Engine:
    return Engine(store)
