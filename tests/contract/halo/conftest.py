import httpx
import pytest

from tests.contract.halo.psas import HaloPsa
from tests.contract.sandbox import Sandbox


@pytest.fixture
def psa(psa_sandbox: Sandbox, psa_client: httpx.Client) -> HaloPsa:
    psa_sandbox.reset()
    return HaloPsa(psa_sandbox, psa_client)
