"""What Graph posts, and what anybody else may post in its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import WireError
from adapters.graph import parse_notifications
from adapters.graph.notifications import MOST_ITEMS

SUBSCRIPTION = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"
TENANT = "11111111-1111-4111-8111-111111111111"
USER = "3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01"
CHANGE: dict[str, Any] = {
    "changeType": "updated",
    "clientState": "state",
    "resource": f"Users/{USER}",
    "resourceData": {"@odata.type": "#Microsoft.Graph.User", "@odata.id": f"Users/{USER}", "id": USER},
    "subscriptionExpirationDateTime": "2026-12-20T12:00:00+00:00",
    "subscriptionId": SUBSCRIPTION,
    "tenantId": TENANT,
}


def posted(*items: Any) -> bytes:
    return json.dumps({"value": items}).encode()


def test_change_names_subscription_tenant_state_and_user() -> None:
    (item,) = parse_notifications(posted(CHANGE))
    assert (item.subscription_id, item.tenant_id, item.client_state) == (SUBSCRIPTION, TENANT, "state")
    assert (item.user_id, item.lifecycle) == (USER, None)
    assert "state" not in repr(item).replace("client_state", "")


@pytest.mark.parametrize("changes", [{"resourceData": None}, {"resource": None}, {"resourceData": {}}])
def test_user_is_told_twice_and_once_is_enough(changes: dict[str, Any]) -> None:
    (item,) = parse_notifications(posted({**CHANGE, **changes}))
    assert item.user_id == USER


def test_ids_are_folded_for_case() -> None:
    upper = {"subscriptionId": SUBSCRIPTION.upper(), "tenantId": TENANT.upper(), "resourceData": {"id": USER.upper()}}
    (item,) = parse_notifications(posted({**CHANGE, **upper}))
    assert (item.subscription_id, item.tenant_id, item.user_id) == (SUBSCRIPTION, TENANT, USER)


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_is_read(event: str) -> None:
    told = {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT, "clientState": "state", "lifecycleEvent": event}
    (item,) = parse_notifications(posted(told))
    assert (item.lifecycle, item.user_id) == (event, None)


@pytest.mark.parametrize(
    "item",
    [
        {**CHANGE, "changeType": "renamed"},
        {**CHANGE, "subscriptionId": "../../etc"},
        {**CHANGE, "subscriptionId": "\ud800"},
        {**CHANGE, "resource": "Users/ann", "resourceData": {"id": "ann'; DROP"}},
        {**CHANGE, "resource": None, "resourceData": None},
        {**CHANGE, "resourceData": []},
        {"subscriptionId": SUBSCRIPTION, "lifecycleEvent": "unheardOf"},
        {"subscriptionId": 7},
        {},
        [],
        None,
        "text",
    ],
)
def test_item_that_is_not_known_is_left_out_and_the_others_stay(item: Any) -> None:
    assert [each.user_id for each in parse_notifications(posted(item, CHANGE))] == [USER]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"7", b"{}", b'{"value": {}}', b'{"value": null}', b"\xff\xfe", b"[" * 100_000),
        posted(*[CHANGE] * (MOST_ITEMS + 1)),
    ],
)
def test_body_that_is_no_notification_is_refused_without_a_word_of_it(body: bytes) -> None:
    with pytest.raises(WireError) as raised:
        parse_notifications(body)
    assert str(raised.value) == "graph: notification_unreadable"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.sampled_from([*CHANGE, "lifecycleEvent"]), each),
    )
)
def test_no_json_crashes_it(value: Any) -> None:
    for item in parse_notifications(posted(value, {**CHANGE, "resourceData": value})):
        assert item.subscription_id == SUBSCRIPTION
