"""One real Valkey for the runs; each test has a prefix, and so an installation, of its own."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from adapters.store import StoreTiming
from tests.fakes.engine import Engine
from tests.fakes.mortal import Installations, MortalStore
from tests.fakes.valkey import RealValkey, running_valkey
from tests.unit.tasks.scene import SCENES, Result, undisturbed_result

STORE_TIMING = StoreTiming(settle_s=0.05, busy_s=0.05)


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealValkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def opened(valkey: RealValkey) -> Iterator[Installations]:
    installations = Installations(valkey.socket_url, timing=STORE_TIMING)
    yield installations
    installations.close()


@pytest.fixture(scope="session")
def undisturbed_runs(valkey: RealValkey) -> Iterator[dict[str, Result]]:
    """What the furnished runs leave when nothing happens to them, by mode."""
    installations = Installations(valkey.socket_url, timing=STORE_TIMING)
    yield {mode: undisturbed_result(installations(mode), mode) for mode in SCENES}
    installations.close()


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> str:
    """What a furnished run is to be: full, unless a test asks for both."""
    return str(getattr(request, "param", "full"))


@pytest.fixture
def undisturbed(undisturbed_runs: dict[str, Result], mode: str) -> Result:
    return undisturbed_runs[mode]


@pytest.fixture
def store(opened: Installations) -> MortalStore:
    return opened()


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def engine(store: MortalStore, logs: list[MutableMapping[str, Any]]) -> Engine:
    return Engine(store)
