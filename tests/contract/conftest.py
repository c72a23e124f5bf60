"""One sandbox for all contract tests of a process, reset before each of them."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.transport import make_client
from tests.contract.sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def psa_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), users=20, tenants=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def psa_client(psa_sandbox: Sandbox) -> Iterator[httpx.Client]:
    with make_client(psa_sandbox.facts["ca_file"], read_timeout_s=2.0) as client:
        yield client
