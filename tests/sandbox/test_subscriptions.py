"""Subscriptions to changes of users, and how Graph delivers."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.fakes.receiver import Receiver, receiving
from tests.sandbox.harness import Sandbox

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def wish(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=20)
    return {
        "changeType": "updated,deleted",
        "notificationUrl": receiver.url,
        "lifecycleNotificationUrl": receiver.url,
        "resource": "users",
        "expirationDateTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "clientState": "secret-state",
        **changes,
    }


def subscribe(sandbox: Sandbox, receiver: Receiver, **changes: Any) -> httpx.Response:
    return sandbox.graph("/subscriptions", method="POST", json=wish(receiver, **changes))


def made(sandbox: Sandbox, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    answer = subscribe(sandbox, receiver, **changes)
    assert answer.status_code == 201, answer.text
    subscription: dict[str, Any] = answer.json()
    return subscription


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def some_user(sandbox: Sandbox) -> str:
    return str(sandbox.control("GET", "users")["users"][0]["id"])


# --- making ---------------------------------------------------------------------------------------------------------


def test_both_addresses_prove_themselves_before_the_answer(sandbox: Sandbox, receiver: Receiver) -> None:
    subscription = made(sandbox, receiver, lifecycleNotificationUrl=receiver.url + "/lifecycle")
    assert len(receiver.handshakes) == 2
    assert all(token.startswith("Validation: Testing client application") for token in receiver.handshakes)
    assert subscription["clientState"] == "secret-state"
    listed = sandbox.graph("/subscriptions").json()["value"]
    assert [(each["id"], each["clientState"]) for each in listed] == [(subscription["id"], None)]


@pytest.mark.parametrize("how", ["status", "token", "closed"])
def test_address_that_does_not_prove_itself_gets_no_subscription(
    sandbox: Sandbox, receiver: Receiver, how: str
) -> None:
    changes = {}
    if how == "status":
        receiver.handshake_status = 403
    elif how == "token":
        receiver.handshake_suffix = "x"
    else:
        changes["notificationUrl"] = "http://127.0.0.1:1/notify"
    assert refusal(subscribe(sandbox, receiver, **changes)) == (400, "ValidationError")
    assert sandbox.graph("/subscriptions").json()["value"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"changeType": "updated,renamed"},
        {"changeType": None},
        {"resource": "groups"},
        {"notificationUrl": "http://sync.example/notify"},
        {"expirationDateTime": "2020-01-01T00:00:00Z"},
        {"expirationDateTime": "2099-01-01T00:00:00Z"},
        {"expirationDateTime": "tomorrow"},
        {"clientState": "x" * 129},
    ],
)
def test_wish_that_is_not_as_documented_is_refused_and_asks_nobody(
    sandbox: Sandbox, receiver: Receiver, changes: dict[str, Any]
) -> None:
    assert subscribe(sandbox, receiver, **changes).status_code == 400
    assert receiver.handshakes == []


def test_permission_and_number_are_limited(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.control("POST", "settings", {"graph.subscriptions_per_app": 1})
    made(sandbox, receiver)
    assert refusal(subscribe(sandbox, receiver)) == (403, "ExtensionError")
    sandbox.mutate({"op": "graph.drop_subscriptions"}, {"op": "graph.set_app", "roles": ["Organization.Read.All"]})
    sandbox._tokens.clear()
    assert refusal(subscribe(sandbox, receiver)) == (403, "Authorization_RequestDenied")


def test_life_is_raised_to_three_quarters_of_an_hour(sandbox: Sandbox, receiver: Receiver) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    expires = made(sandbox, receiver, expirationDateTime=soon.isoformat())["expirationDateTime"]
    assert datetime.fromisoformat(expires) - datetime.now(UTC) > timedelta(minutes=43)


# --- keeping --------------------------------------------------------------------------------------------------------


def test_subscription_is_renewed_authorised_again_and_ended(sandbox: Sandbox, receiver: Receiver) -> None:
    path = f"/subscriptions/{made(sandbox, receiver)['id']}"
    later = (datetime.now(UTC) + timedelta(days=28)).strftime("%Y-%m-%dT%H:%M:%SZ")
    renewed = sandbox.graph(path, method="PATCH", json={"expirationDateTime": later})
    assert (renewed.status_code, renewed.json()["expirationDateTime"]) == (200, later)
    assert sandbox.graph(path + "/reauthorize", method="POST").status_code == 204
    assert sandbox.graph(path).json()["expirationDateTime"] == later
    assert sandbox.graph(path, method="DELETE").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert sandbox.graph(path, method=method, json={}).status_code == 404


def test_subscription_ends_with_its_time(sandbox: Sandbox, receiver: Receiver) -> None:
    subscription = made(sandbox, receiver)
    sandbox.control("POST", "advance-clock", {"seconds": 21 * 86_400})
    sandbox._tokens.clear()
    assert sandbox.graph("/subscriptions").json()["value"] == []
    answer = sandbox.graph(f"/subscriptions/{subscription['id']}", method="PATCH", json={})
    assert refusal(answer) == (404, "ResourceNotFound")


def test_tenants_do_not_see_each_others_subscriptions(sandbox: Sandbox, receiver: Receiver) -> None:
    subscription = made(sandbox, receiver)
    assert sandbox.graph("/subscriptions", tenant=1).json()["value"] == []
    assert sandbox.graph(f"/subscriptions/{subscription['id']}", method="DELETE", tenant=1).status_code == 404


# --- telling --------------------------------------------------------------------------------------------------------


def test_each_change_is_told_with_the_secret_and_the_id_and_nothing_else(sandbox: Sandbox, receiver: Receiver) -> None:
    subscription = made(sandbox, receiver)
    user = some_user(sandbox)
    sandbox.mutate({"op": "graph.update_user", "user": user, "set": {"jobTitle": "Buyer"}})
    (item,) = receiver.wait_for(1)
    assert (item["changeType"], item["resource"], item["resourceData"]["id"]) == ("updated", f"Users/{user}", user)
    assert (item["subscriptionId"], item["clientState"]) == (subscription["id"], "secret-state")
    assert item["tenantId"] == sandbox.tenants[0]["tenant_id"]
    assert "Buyer" not in str(item)


def test_creation_and_soft_deletion_come_as_updated(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver, changeType="created,updated,deleted")
    user = sandbox.mutate({"op": "graph.create_user", "set": {"userPrincipalName": "new@contoso.example"}})[0]["id"]
    sandbox.mutate({"op": "graph.delete_user", "user": user}, {"op": "graph.restore_user", "user": user})
    sandbox.mutate({"op": "graph.delete_user", "user": user, "hard": True})
    came = sorted(item["changeType"] for item in receiver.wait_for(4))  # POSTs overtake each other, as Graph's do
    assert came == ["deleted", "updated", "updated", "updated"]


def test_subscription_to_creations_alone_never_fires(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver, changeType="created")
    sandbox.mutate({"op": "graph.create_user", "set": {"userPrincipalName": "new@contoso.example"}})
    sandbox.mutate({"op": "graph.delete_user", "user": "new@contoso.example", "hard": True})
    assert sandbox.control("GET", "deliveries")["items"] == 0


def test_items_that_wait_together_come_together(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver)
    sandbox.mutate({"op": "graph.notify", "users": [some_user(sandbox)], "times": 50})
    receiver.wait_for(50)
    assert max(map(len, receiver.posts)) == 20


def test_forged_items_carry_what_is_asked(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver)
    forged = {"op": "graph.notify", "users": [UNKNOWN], "set": {"clientState": "guess", "subscriptionId": UNKNOWN}}
    assert sandbox.mutate(forged) == [{"sent": 1}]
    (item,) = receiver.wait_for(1)
    assert (item["clientState"], item["subscriptionId"], item["resourceData"]["id"]) == ("guess", UNKNOWN, UNKNOWN)


def test_loss_and_copies_are_as_many_as_asked(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver)
    sandbox.control("POST", "settings", {"graph.notification_duplicates": 2, "graph.notification_loss": 0.5})
    sandbox.mutate({"op": "graph.notify", "users": [some_user(sandbox)], "times": 100})
    counts = sandbox.control("GET", "deliveries")
    assert counts["items"] == 300
    assert 100 < counts["lost"] < 200
    assert len(receiver.wait_for(300 - counts["lost"])) == 300 - counts["lost"]


@pytest.mark.parametrize("trouble", ["refused", "late"])
def test_what_is_not_taken_in_time_comes_again(sandbox: Sandbox, receiver: Receiver, trouble: str) -> None:
    made(sandbox, receiver)
    sandbox.control("POST", "settings", {"graph.notification_retry_s": 0.05, "graph.notification_timeout_s": 0.3})
    if trouble == "refused":
        receiver.refusals = 2
    else:
        receiver.delay_s = 1.0
    sandbox.mutate({"op": "graph.notify", "users": [some_user(sandbox)]})
    if trouble == "late":
        while not sandbox.control("GET", "deliveries")["retried"]:
            time.sleep(0.02)
        receiver.delay_s = 0.0
    receiver.wait_for(1)
    assert sandbox.control("GET", "deliveries")["retried"] >= 1


def test_address_that_is_often_late_is_told_nothing_for_a_while(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver)
    sandbox.control("POST", "settings", {"graph.notification_batch": 1, "graph.notification_timeout_s": 0.1})
    receiver.delay_s = 0.5
    sandbox.mutate({"op": "graph.notify", "users": [some_user(sandbox)], "times": 30})
    while sandbox.control("GET", "deliveries")["refused"] < 25:
        time.sleep(0.02)
    receiver.delay_s = 0.0
    sandbox.mutate({"op": "graph.notify", "users": [some_user(sandbox)], "times": 5})
    while sandbox.control("GET", "deliveries")["dropped"] < 5:
        time.sleep(0.02)


# --- news of the subscription ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_is_told_and_a_removed_subscription_is_gone(sandbox: Sandbox, receiver: Receiver, event: str) -> None:
    subscription = made(sandbox, receiver)
    assert sandbox.mutate({"op": "graph.lifecycle", "event": event}) == [{"sent": 1}]
    (item,) = receiver.wait_for(1)
    assert (item["lifecycleEvent"], item["subscriptionId"]) == (event, subscription["id"])
    assert not {"changeType", "resource", "resourceData"} & set(item)
    held = sandbox.control("GET", "subscriptions")["subscriptions"]
    assert len(held) == (event != "subscriptionRemoved")


def test_reset_forgets_subscriptions_and_deliveries(sandbox: Sandbox, receiver: Receiver) -> None:
    made(sandbox, receiver)
    sandbox.reset()
    assert sandbox.control("GET", "subscriptions") == {"subscriptions": []}
    assert sandbox.control("GET", "deliveries")["items"] == 0
