import httpx
import pytest

from tests.contract.autotask.psas import SandboxPsa
from tests.contract.sandbox import Sandbox


@pytest.fixture
def sandbox_psa(psa_sandbox: Sandbox, psa_client: httpx.Client) -> SandboxPsa:
    psa_sandbox.reset()
    return SandboxPsa(psa_sandbox, psa_client)
