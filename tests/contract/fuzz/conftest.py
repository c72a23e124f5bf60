"""Each vendor's operations on tape: the sandbox is asked once, and then nobody is."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.contract.autotask import psas as autotask
from tests.contract.connectwise import psas as connectwise
from tests.contract.fuzz.operations import Operation, graph_operations, psa_operations
from tests.contract.fuzz.replay import Recorder, Site, Tape, Visited
from tests.contract.graph.tenants import SandboxTenant
from tests.contract.halo import psas as halo
from tests.contract.kit.psa import SandboxPsa
from tests.contract.sandbox import Sandbox
from tests.fakes.receiver import receiving

PSAS: dict[str, type[SandboxPsa]] = {
    "connectwise": connectwise.SandboxPsa,
    "autotask": autotask.SandboxPsa,
    "halo": halo.HaloPsa,
    "halo with a report": halo.ReportingHaloPsa,
}


@dataclass
class Taped:
    """One vendor: a port on any client, its operations, and the tape of each."""

    port: Callable[[httpx.Client], Any]
    operations: dict[str, Operation]
    visited: Visited
    tapes: dict[str, Tape] = field(default_factory=dict)

    @property
    def sites(self) -> set[Site]:
        """Where in its adapter the operations sent something."""
        return self.visited.sites

    def record(self, recorder: Recorder) -> None:
        """Do each operation once, with a port that knows nothing yet."""
        with self.visited.watching(), httpx.Client(transport=recorder) as client:
            for name, operation in self.operations.items():
                recorder.start()
                operation(self.port(client))
                self.tapes[name] = recorder.tape


@pytest.fixture(scope="module")
def taped(psa_sandbox: Sandbox, psa_client: httpx.Client) -> Iterator[dict[str, Taped]]:
    """Every vendor on tape."""
    context = ssl.create_default_context(cafile=psa_sandbox.facts["ca_file"])
    vendors: dict[str, Taped] = {}
    with httpx.HTTPTransport(verify=context) as inner, receiving() as receiver:
        for name, kind in PSAS.items():
            psa_sandbox.reset()
            vendors[name] = _psa(kind(psa_sandbox, psa_client))
            vendors[name].record(Recorder(inner, vendors[name].visited))
        psa_sandbox.reset()
        vendors["graph"] = _graph(psa_sandbox, receiver.url)
        vendors["graph"].record(Recorder(inner, vendors["graph"].visited))
        yield vendors


def _psa(psa: Any) -> Taped:
    contact_id = psa.add(emails=["bob@example.com"])
    if isinstance(psa, halo.ReportingHaloPsa):
        number = psa._report_id()
        psa._report_id = lambda: number  # type: ignore[method-assign]  # it asks the sandbox each time

    def port(client: httpx.Client) -> Any:
        psa._client = client
        return psa.contacts()

    return Taped(port, psa_operations(contact_id), Visited())


def _graph(sandbox: Sandbox, url: str) -> Taped:
    facts = sandbox.facts["tenants"][0]
    users = sandbox.users(facts["tenant_id"])
    sandbox.mutate("graph.set_app", roles=["User.Read.All", "Application.Read.All", "Organization.Read.All"])
    sandbox.mutate("graph.delete_user", user=users[0]["id"])

    def port(client: httpx.Client) -> Any:
        tenant = SandboxTenant.__new__(SandboxTenant)
        tenant.sandbox, tenant.client, tenant.facts = sandbox, client, facts
        tenant.tenant_id = str(facts["tenant_id"])
        return tenant.directory_for(client_id=facts["client_id"], secret=facts["client_secret"])

    return Taped(port, graph_operations(users[1]["id"], users[0]["id"], url), Visited())
