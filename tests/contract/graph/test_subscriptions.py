"""The Subscriptions port, as tasks rely on it: one suite for the fake and for Graph."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from adapters.errors import NotFoundError, TenantError, WireError
from adapters.graph import GraphSubscriptions
from tasks.ports import Subscriptions
from tests.contract.graph.tenants import SandboxTenant
from tests.contract.sandbox import Sandbox
from tests.fakes.receiver import Receiver, receiving
from tests.fakes.subscriptions import FakeSubscriptions

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def graph(in_sandbox: SandboxTenant) -> GraphSubscriptions:
    return in_sandbox.directory.subscriptions


@pytest.fixture(params=["fake", "sandbox"])
def subscriptions(request: pytest.FixtureRequest) -> Subscriptions:
    if request.param == "fake":
        return FakeSubscriptions()
    found: GraphSubscriptions = request.getfixturevalue("graph")
    return found


def in_days(days: float) -> int:
    return round(time.time() + days * 86_400) * 1000


def test_subscription_is_made_listed_renewed_and_ended(subscriptions: Subscriptions, receiver: Receiver) -> None:
    made = subscriptions.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))
    assert made.url == receiver.url
    assert made.expires_at_ms == pytest.approx(in_days(10), abs=5000)
    assert subscriptions.fetch_all() == (made,)
    renewed = subscriptions.renew(made.id, expires_at_ms=in_days(28))
    assert renewed.id == made.id
    assert renewed.expires_at_ms == pytest.approx(in_days(28), abs=5000)
    subscriptions.delete(made.id)
    subscriptions.delete(made.id)
    assert subscriptions.fetch_all() == ()


def test_subscription_that_is_unknown_cannot_be_renewed(subscriptions: Subscriptions) -> None:
    with pytest.raises(NotFoundError):
        subscriptions.renew(UNKNOWN, expires_at_ms=in_days(1))


def test_address_that_does_not_answer_is_told_from_other_refusals(
    graph: GraphSubscriptions, receiver: Receiver
) -> None:
    receiver.handshake_status = 500
    with pytest.raises(WireError) as raised:
        graph.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))
    assert raised.value.vendor_code == "ValidationError"


def test_missing_permission_is_the_tenants(
    graph: GraphSubscriptions, in_sandbox: SandboxTenant, running: Sandbox, receiver: Receiver
) -> None:
    tenant = running.facts["tenants"][0]
    running.mutate("graph.set_app", client_id=tenant["client_id"], roles=["Organization.Read.All"])
    running.mutate("graph.set_app", client_id=running.facts["multi_tenant_app"]["client_id"], roles=[])
    with pytest.raises(TenantError) as raised:
        graph.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))
    assert (raised.value.reason, raised.value.permission) == ("permission_missing", "User.Read.All")


def test_number_that_is_full_is_the_tenants(graph: GraphSubscriptions, running: Sandbox, receiver: Receiver) -> None:
    running.settings(graph__subscriptions_per_app=1)
    graph.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))
    with pytest.raises(TenantError):
        graph.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))


@pytest.mark.parametrize(
    "call",
    [
        lambda graph: graph.create(url="https://sync.contoso.com/x", client_state="the-state", expires_at_ms=1),
        lambda graph: graph.renew(UNKNOWN, expires_at_ms=1),
    ],
)
def test_no_error_tells_the_secret(graph: GraphSubscriptions, call: Callable[[GraphSubscriptions], None]) -> None:
    with pytest.raises((NotFoundError, WireError)) as raised:
        call(graph)
    assert "the-state" not in repr(raised.value) + str(raised.value.__dict__)


def test_lost_answer_leaves_a_subscription_that_the_list_shows(
    graph: GraphSubscriptions, running: Sandbox, receiver: Receiver, client: httpx.Client
) -> None:
    running.fault("lost_answer", match={"vendor": "graph", "method": "POST", "path": "/subscriptions$"})
    with pytest.raises(Exception, match="graph"):
        graph.create(url=receiver.url, client_state="state", expires_at_ms=in_days(10))
    assert [each.url for each in graph.fetch_all()] == [receiver.url]
