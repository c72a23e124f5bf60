from collections.abc import Iterator

import httpx
import pytest

from adapters.transport import make_client
from tests.contract.halo.psas import HaloPsa
from tests.contract.sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), users=20, tenants=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def client(running: Sandbox) -> Iterator[httpx.Client]:
    with make_client(running.facts["ca_file"], read_timeout_s=2.0) as client:
        yield client


@pytest.fixture
def psa(running: Sandbox, client: httpx.Client) -> HaloPsa:
    running.reset()
    return HaloPsa(running, client)
