"""What the status says of a customer's change notifications."""

from collections.abc import Iterator

import pytest

from adapters.records import Subscribed
from adapters.store import Store, open_store
from tests.fakes.engine import TENANT, make_connector
from tests.fakes.valkey import running_valkey
from worker.standing import standings


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_valkey() as valkey:
        opened = open_store(valkey.url)
        yield opened
        opened.close()


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, None),
        ({"subscription_id": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"}, "subscribed"),
        ({"trouble": "permission_missing"}, "permission_missing"),
    ],
)
def test_status_says_whether_a_customers_changes_are_heard(
    store: Store, known: dict[str, str] | None, said: str | None
) -> None:
    if known is not None:
        state = Subscribed(connector_id="contoso", tenant_id=TENANT, config_version=1, url="https://x")
        store.events.save_subscription(state.model_copy(update=known))
    (standing,) = standings([make_connector()], store)
    assert standing.as_json()["events"] == said
