from collections.abc import Iterator

import httpx
import pytest

from adapters.transport import make_client
from tests.contract.graph.tenants import FakeTenant, SandboxTenant, Tenant
from tests.contract.sandbox import Sandbox, running_sandbox

USERS = 1_200  # more than one page of the list


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), users=USERS) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def client(running: Sandbox) -> Iterator[httpx.Client]:
    with make_client(running.facts["ca_file"], read_timeout_s=2.0) as client:
        yield client


@pytest.fixture
def in_sandbox(running: Sandbox, client: httpx.Client) -> SandboxTenant:
    running.reset()
    running.settings(graph__delta_page_size=3)
    return SandboxTenant(running, client)


@pytest.fixture(params=["fake", "sandbox"])
def tenant(request: pytest.FixtureRequest) -> Tenant:
    if request.param == "fake":
        return FakeTenant()
    found: SandboxTenant = request.getfixturevalue("in_sandbox")
    return found
